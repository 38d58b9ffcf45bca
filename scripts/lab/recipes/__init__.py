"""What a user could take instead of a distilled student: one file for each, run by `peer_worker.py`.

Each runs in an environment of its own, and imports nothing of the project. It has two functions. `train(job)` trains on
the texts of a job and writes a folder; `load(folder)` returns a function from texts to label indices. A job has:

texts, dev_texts (list[str]): The texts to learn from, and those that may choose a checkpoint.
labels, dev_labels (list[int]): The label index of each.
encoder (str): The folder of the teacher's encoder as it was before the teacher was trained.
teacher (str): The folder that `plain_teacher.keep_plain_teacher` wrote.
folder (str): The folder to write.
seed (int): The seed.
"""
