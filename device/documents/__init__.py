"""Answers from a folder of documents, in the documents' own sentences."""
