"""What callers are told who have no page: which words and pictures there are, and where they are heard.

`prompts` has the words, `recordings` how they sound, `lobby` says who is spoken to in a room of their own since
they are not in, and `announcer` has it said.
"""
