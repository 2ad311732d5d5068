"""A load of an hour, with deaths: what grows but the journal?"""
