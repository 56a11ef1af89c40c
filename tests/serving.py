"""A server's answer, in the place of one over a network."""

import io


class Response(io.BytesIO):
    url = None

    @property
    def length(self):
        return len(self.getvalue())
