"""Folders of photos: finding them, remembering which are done, and watching for new ones."""
