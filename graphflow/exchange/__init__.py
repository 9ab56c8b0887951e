"""What graphs of TensorFlow and of graphflow say in other words, and the translation both ways."""
