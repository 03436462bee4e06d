"""The page without a server: a folder of files with which a browser names clouds by itself."""
