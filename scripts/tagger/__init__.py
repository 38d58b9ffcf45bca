"""The part-of-speech tagger that ships with the project: made from treebanks, with commands of its own."""
