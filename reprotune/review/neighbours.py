"""The rows that are most similar to a row, by their words."""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

LEAST = 0.1  # similarity below which two texts have little more in common than a common word

MANY, COMMON = 10_000, 0.1  # in so many texts, words of a tenth of them only take time


class Neighbours:
    """TF-IDF of all texts, with the rows of each word beside it: a row asks only for its words."""

    def __init__(self, texts: Sequence[str]) -> None:
        vectorizer = TfidfVectorizer(
            ngram_range=(1, 2),
            sublinear_tf=True,
            token_pattern=r"(?u)\b\w+\b|\S",  # a text of signs alone, too
            max_df=COMMON if len(texts) >= MANY else 1.0,
            dtype=np.float32,
        )
        self.rows = vectorizer.fit_transform(texts)
        self.words = self.rows.T.tocsr()

    def find(self, place: int, count: int) -> list[tuple[int, float]]:
        """The places of the most similar rows and how similar they are, from 0 to 1."""
        similar = (self.rows[place] @ self.words).tocoo()
        others = (similar.col != place) & (similar.data >= LEAST)
        columns, values = similar.col[others], similar.data[others]
        order = np.lexsort((columns, -values.round(6)))[:count]
        return [(int(columns[n]), float(min(values[n], 1.0))) for n in order]
