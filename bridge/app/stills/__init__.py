"""Still pictures that the host asks for: who is told what, and the way of the picture from page to page."""
