"""A first run beside a bare script: scikit-learn's TF-IDF on the very rows of ``data/splits``.

``python -m benchmarks.first_run`` after ``dvc repro split``; with a FOLDER it writes there two
made-up data sets with some wrong labels, German reviews and Japanese requests, for `init`.
"""

import csv
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from reprotune.core import paths
from reprotune.core.params_file import load_params
from reprotune.evaluation import baselines

ROWS = 600
WRONG = 0.08  # share of the labels that are drawn anew
WAYS = {"words": (1, 2), "char": (1, 4)}  # of the vectorizer: n-grams

GERMAN = {
    "positiv": [
        *("Der {d} ist {z} {g} und {h}.", "{d}: {g}, kein bisschen {s}."),
        *("Hatte Angst, er sei {s}, aber {z} ist alles {g}.", "Den {d} wieder, {g} und {h}."),
    ],
    "neutral": [
        *("Der {d} ist {m}, {g}, aber auch {s}.", "{d} {m}, mehr nicht."),
        *("{z} {m}; teils {g}, teils {s}.", "Für den Preis ist der {d} {m}."),
    ],
    "negativ": [
        *("Der {d} ist {z} {s} und {t}.", "{d}: {s}, kein bisschen {g}."),
        *("Sah {g} aus, ist aber {z} {s}.", "Den {d} nie wieder, {s} und {t}."),
    ],
}
JAPANESE = {
    "返品": [
        "{d}を返したいのですが、{z}はどうすればよいですか",
        "{z}届いた{d}が合わないので返品したいです",
    ],
    "配送": [
        "{z}注文した{d}がまだ届きません",
        "{d}は{z}届く予定ですか",
        "{d}の配送を{z}に変えたいです",
    ],
    "請求": ["{d}の請求額が{z}二重になっています", "{d}の支払いを{z}カードに変えたいです"],
    "故障": [
        "{z}買った{d}の電源が入りません",
        "{d}から{z}変な音がします",
        "{z}届いた{d}が映りません",
    ],
}
GOOD = "tadellos robust leise angenehm schnell sauber handlich zuverlässig hübsch"
POOR = "wackelig laut defekt zerkratzt langsam unbrauchbar klebrig undicht billig"
WORDS = {
    "German": {
        "d": "Wasserkocher Staubsauger Regenmantel Kopfhörer Rasierer Rucksack Drucker",
        "z": "heute anfangs täglich nachts inzwischen meistens",
        "m": "ordentlich brauchbar gewöhnlich zweckmäßig unauffällig passabel",
        **{"g": GOOD, "h": GOOD, "s": POOR, "t": POOR},
    },
    "Japanese": {
        "d": "掃除機 電気ケトル イヤホン 時計 プリンター カメラ 炊飯器 机 靴 かばん",
        "z": "昨日 先週 今朝 三日前 先月 週末 今年の春",
    },
}
AFTER = {
    "German": "Versand vier Tage./Ein Geschenk./Bestellt im Mai./Fürs Büro./Anleitung dabei.",
    "Japanese": "お願いします。/至急です。/返金や交換も考えています。/届いてから困っています。",
}


def make(patterns: Mapping[str, Sequence[str]], language: str, draw: random.Random) -> list[str]:
    """A text and its label, which is sometimes that of another."""
    label = draw.choice(list(patterns))
    filled = {key: draw.choice(words.split()) for key, words in WORDS[language].items()}
    text = draw.choice(patterns[label]).format(**filled)
    after = draw.choice(AFTER[language].split("/"))
    said = draw.choice(list(patterns)) if draw.random() < WRONG else label
    return [f"{text} {after} {draw.randrange(9000)}", said]


def write(folder: Path) -> None:
    for language, patterns in (("German", GERMAN), ("Japanese", JAPANESE)):
        draw = random.Random(7)
        with (folder / f"{language.lower()}.csv").open("w", encoding="utf-8", newline="") as file:
            rows = [make(patterns, language, draw) for _ in range(ROWS)]
            csv.writer(file).writerows([["text", "label"], *rows])


def ask() -> None:
    params = load_params()
    train, test = (pd.read_parquet(path) for path in (paths.TRAIN, paths.TEST))
    classes = sorted(train["label"].unique())
    asked = classes, params.baseline, params.seed, params.text.units
    found = baselines.learn(train, test["text"], *asked)["tfidf"]
    right = float((np.take(classes, found.argmax(axis=1)) == test["label"]).mean())
    print(f"{len(train)} training rows; baseline tfidf: {right:.3f} of {len(test)} test rows")
    for kind, ngrams in WAYS.items():
        turner = TfidfVectorizer(analyzer=kind.removesuffix("s"), ngram_range=ngrams)
        learner = make_pipeline(turner, LogisticRegression(max_iter=1000))
        learner.fit(train["text"], train["label"])
        right = learner.score(test["text"], test["label"])
        print(f"bare script, n-grams of {kind}: {right:.3f}")


def main(folder: str = "") -> None:
    write(Path(folder)) if folder else ask()


if __name__ == "__main__":
    main(*sys.argv[1:])
