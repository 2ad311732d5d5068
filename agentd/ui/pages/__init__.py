"""The pages, a file each: what each shows, and what has to change for it to change."""
