"""The words of the generated headlines."""

GOOD = (
    "operating profit|net profit|net sales|turnover|revenue|order intake|cash flow|gross margin|"
    "the operating margin|the order book|market share|earnings per share|pre-tax profit|"
    "demand for its products|capacity utilisation|customer satisfaction|the number of subscribers"
).split("|")
BAD = (
    "operating loss|net loss|net debt|raw material costs|personnel expenses|credit losses|"
    "restructuring costs|the pre-tax loss|impairment charges|the number of complaints|"
    "delivery delays|fuel costs|financing expenses|warranty costs|the defect rate|overdue payments"
).split("|")
MONEY = frozenset(
    "operating profit|net profit|net sales|turnover|revenue|order intake|cash flow|pre-tax profit|"
    "operating loss|net loss|net debt|raw material costs|personnel expenses|credit losses|"
    "restructuring costs|the pre-tax loss|impairment charges|fuel costs|financing expenses|"
    "warranty costs".split("|")
)
PLURAL = ("costs", "expenses", "losses", "charges", "delays", "payments")
GAPS = ("loss", "margin", "debt")  # these widen and narrow
RISE = "rose|increased|grew|climbed|went up|picked up".split("|")
FALL = "fell|decreased|declined|shrank|went down|dropped".split("|")
ABOVE = "exceeded|topped|{was} above|came in above|{was} higher than|{was} greater than".split("|")
BELOW = (
    "fell short of|{was} under|{was} below|came in below|{was} lower than|{was} smaller than".split(
        "|"
    )
)
BENCHMARKS = (
    "last year's level|the previous quarter's|expectations|the company's target|"
    "analysts' estimates|the budget|the figure of a year ago|the forecast"
).split("|")
PERIODS = (
    "in the first quarter|in the second quarter|in the third quarter|in the fourth quarter|"
    "in January-June|in July-September|in the first half|in the financial year|last year|"
    "during the period|in the past twelve months|in October-December"
).split("|")
STEMS = (
    "Alt Ber Cor Dal Ely Fin Gar Hel Isk Jur Kal Lem Mar Nor Ost Pel Rau Sal Tam Ulv Val Ves "
    "Wil Yri Zen Ark Bor Kem Lap Nok Orm Per Sam Tek Var"
).split()
TAILS = "vik tek mar os una ola ex ium eda ico ent ora is ant elo ura".split()
CONSONANTS = "bcdfghjklmnprstvz"
FORMS = "Oyj|Corporation|Corp|Group|AB|Ltd|plc|Oy|Holding|ASA|Inc".split("|")
PLACES = (
    "Helsinki|Tallinn|Stockholm|Riga|Oslo|Vilnius|Turku|Gothenburg|Copenhagen|Hamburg|Warsaw|"
    "Espoo|Tampere|Malmo|Bergen|Gdansk"
).split("|")
GOODS = (
    "paper machines|mobile networks|pumps|cranes|steel plates|timber houses|dairy products|"
    "software licences|ice-class ferries|lifts|wind turbines|medical devices|food packaging|"
    "sports equipment|fertilisers|forest machines"
).split("|")
JOBS = (
    "chief executive|CEO|CFO|chief financial officer|head of research|board member|sales director|"
    "country manager|head of investor relations|chairman"
).split("|")
PEOPLE = (
    "Anna Lehto|Mikael Strand|Jari Koski|Eva Lind|Peter Holm|Sari Niemi|Tomas Berg|Laura Salo|"
    "Ville Aalto|Karin Dahl|Juha Ranta|Marta Kask"
).split("|")
MONTHS = (
    "January February March April May June July August September October November December".split()
)
