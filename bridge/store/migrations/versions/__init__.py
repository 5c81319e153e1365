"""One module for each change of the schema; a module that was released is never edited."""
