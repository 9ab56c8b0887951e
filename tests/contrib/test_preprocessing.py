"""contrib.learn.preprocessing: texts as rows of word ids."""

import numpy as np

import graphflow as tf

preprocessing = tf.contrib.learn.preprocessing
TEXTS = ["the cat's on the mat", "A dog, the DOGs", ""]


def test_words_are_numbered_as_they_come(tmp_path):
    processor = preprocessing.VocabularyProcessor(4)
    rows = np.array(list(processor.fit_transform(TEXTS)))
    assert rows.dtype == np.int64 and rows.tolist() == [[1, 2, 3, 1], [5, 6, 1, 7], [0] * 4]
    assert len(processor.vocabulary_) == 9 and processor.vocabulary_._mapping["mat"] == 4
    assert [r.tolist() for r in processor.transform(["mat bird the"])] == [[4, 0, 1, 0]]
    assert list(processor.reverse(rows[:1])) == ["the cat's on the"]
    path = str(tmp_path / "vocabulary")
    processor.save(path)
    again = preprocessing.VocabularyProcessor.restore(path)
    assert [r.tolist() for r in again.transform(TEXTS)] == rows.tolist()


def test_rare_words_are_unknown():
    processor = preprocessing.VocabularyProcessor(5, min_frequency=1, tokenizer_fn=lambda texts: map(str.split, texts))
    rows = [r.tolist() for r in processor.fit_transform(["b a c", "b a b"])]
    assert rows == [[1, 2, 0, 0, 0], [1, 2, 1, 0, 0]]


def test_tokens():
    assert list(preprocessing.tokenizer(["Hello, WORLDwide it's A-1"])) == [["Hello", "WORL", "Dwide", "it's", "A-1"]]
