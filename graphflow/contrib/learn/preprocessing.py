"""`tf.contrib.learn.preprocessing`: texts as rows of word ids."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

TOKENIZER_RE = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z][a-z]+(?=[A-Z])|[\'\w\-]+", re.UNICODE)


def tokenizer(iterator: Iterable[str]) -> Iterator[list[str]]:
    """The words of each text."""
    for text in iterator:
        yield TOKENIZER_RE.findall(text)


class CategoricalVocabulary:
    """Numbers for words in the order in which they come; 0 is for those that it does not have."""

    def __init__(self, unknown_token: str = "<UNK>", support_reverse: bool = True) -> None:
        self._unknown = unknown_token
        self._ids: dict[str, int] = {unknown_token: 0}
        self._words = [unknown_token]
        self._counts: Counter[str] = Counter()
        self._frozen = False

    def __len__(self) -> int:
        return len(self._words)

    def freeze(self, freeze: bool = True) -> None:
        """From now on new words are unknown ones; False: they are added again."""
        self._frozen = freeze

    def get(self, category: str) -> int:
        """The number of a word, which is added unless the vocabulary is frozen."""
        if category not in self._ids and not self._frozen:
            self._ids[category] = len(self._words)
            self._words.append(category)
        return self._ids.get(category, 0)

    def add(self, category: str, count: int = 1) -> None:
        """Count a word."""
        if self.get(category):
            self._counts[category] += count

    def trim(self, min_frequency: int, max_frequency: int = -1) -> None:
        """Keep only words that came more than min_frequency times, the most frequent ones first."""
        kept = [word for word, n in sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
                if n > min_frequency and (max_frequency <= 0 or n < max_frequency)]  # fmt: skip
        self._words = [self._unknown, *kept]
        self._ids = {word: i for i, word in enumerate(self._words)}

    def reverse(self, class_id: int) -> str:
        """The word of a number."""
        return self._words[class_id]

    @property
    def _mapping(self) -> dict[str, int]:  # which programs read
        return self._ids


class VocabularyProcessor:
    """Texts as rows of max_document_length word ids, cut or filled up with 0.

    min_frequency   `fit` keeps words that come more often than this
    vocabulary      a CategoricalVocabulary to go on with
    tokenizer_fn    a function from texts to lists of words, instead of `tokenizer`
    """

    def __init__(
        self, max_document_length: int, min_frequency: int = 0, vocabulary: CategoricalVocabulary | None = None,
        tokenizer_fn: Callable[[Iterable[str]], Iterable[list[str]]] | None = None,
    ) -> None:  # fmt: skip
        self.max_document_length = max_document_length
        self.min_frequency = min_frequency
        self.vocabulary_ = vocabulary or CategoricalVocabulary()
        self._tokenizer = tokenizer_fn or tokenizer

    def fit(self, raw_documents: Iterable[str], unused_y: Any = None) -> VocabularyProcessor:
        """Take the words of these texts, and no others from then on."""
        for words in self._tokenizer(raw_documents):
            for word in words:
                self.vocabulary_.add(word)
        if self.min_frequency > 0:
            self.vocabulary_.trim(self.min_frequency)
        self.vocabulary_.freeze()
        return self

    def transform(self, raw_documents: Iterable[str]) -> Iterator[np.ndarray]:
        """The row of each text, int64 [max_document_length]."""
        for words in self._tokenizer(raw_documents):
            row = np.zeros(self.max_document_length, np.int64)
            ids = [self.vocabulary_.get(word) for word in words[: self.max_document_length]]
            row[: len(ids)] = ids
            yield row

    def fit_transform(self, raw_documents: Iterable[str], unused_y: Any = None) -> Iterator[np.ndarray]:
        """The rows of the texts whose words are taken."""
        texts = list(raw_documents)
        return self.fit(texts).transform(texts)

    def reverse(self, documents: Iterable[Iterable[int]]) -> Iterator[str]:
        """The words of each row, with spaces between them."""
        for row in documents:
            yield " ".join(self.vocabulary_.reverse(int(i)) for i in row)

    def save(self, filename: str) -> None:
        """Write it to a file that `restore` reads."""
        with open(filename, "wb") as f:
            f.write(pickle.dumps(self))

    @classmethod
    def restore(cls, filename: str) -> VocabularyProcessor:
        """Read what `save` has written; such a file can run code, so take it only from where you trust."""
        with open(filename, "rb") as f:
            return pickle.loads(f.read())
