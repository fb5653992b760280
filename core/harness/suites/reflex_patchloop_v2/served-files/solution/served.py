"""Maps request paths to files of the public folder."""

import os.path
from pathlib import PurePosixPath


def locate(public, request):
    """The normalised path of the file asked for, below ``public``.

    Args:
        public: absolute path of the public folder.
        request: path as it came with the request, with / between its parts.

    Raises:
        PermissionError: the request leads out of the public folder.
    """
    public = os.path.normpath(public)
    path = os.path.normpath(os.path.join(public, request.lstrip("/")))
    if os.path.commonpath([public, path]) != public:
        raise PermissionError(request)
    return path


def content_type(path):
    """The media type by the file's suffix, in any case."""
    known = {".html": "text/html", ".css": "text/css", ".txt": "text/plain"}
    return known.get(PurePosixPath(path).suffix.lower(), "application/octet-stream")
