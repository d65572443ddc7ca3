"""What can be wrong with a release: one class a cause, E401 to E429."""

from noc.errors import NocError, NotFound


class NativeCode(NocError):
    """A release is one artefact for every machine, so nothing inside it may be compiled for one of them.

    The build and the payload check refuse ELF programs and libraries by their first bytes, whatever their names.
    """

    code = "E401"


class NotPackable(NocError):
    """The service imports something that is neither in the standard library nor in an installed pure-Python package."""

    code = "E402"


class NotSigned(NocError):
    """A release consists of three files: clavitor.pyz, manifest.json and manifest.json.sig. One of them is missing."""

    code = "E403"


class MalformedSignature(NocError):
    """The signature file is not an armoured OpenSSH signature as `ssh-keygen -Y sign` writes it."""

    code = "E404"


class WrongNamespace(NocError):
    """The signature was made for another purpose. A release is signed in the namespace `noc-release` alone.

    A key that signs releases may also sign commits or files; the namespace keeps one from passing for the other.
    """

    code = "E405"


class WrongSigner(NocError):
    """The key that made the signature is not among the signers that this machine trusts."""

    code = "E406"


class BadSignature(NocError):
    """The signature does not fit the manifest: either was changed after signing, or the key is not valid now."""

    code = "E407"


class MalformedManifest(NocError):
    """The manifest carries a good signature, but is not a manifest as this version of noc understands it."""

    code = "E408"


class WrongProduct(NocError):
    """The manifest is signed for another product. It must not run as this service."""

    code = "E409"


class Expired(NocError):
    """The manifest is past its last day. An old release cannot be passed off as a new one for ever; sign it again."""

    code = "E410"


class WrongSize(NocError):
    """The file is shorter or longer than its manifest says: a transfer was cut off, or another file lies there."""

    code = "E411"


class WrongContent(NocError):
    """The file has the size that its manifest names, but other bytes: at least one was changed on the way."""

    code = "E412"


class SigningFailed(NocError):
    """`ssh-keygen -Y sign` refused: the key cannot be read, needs a passphrase, or is not a signing key."""

    code = "E413"


class UnknownRelease(NotFound):
    """No release in the store has that hash, hash prefix or version."""

    code = "E414"


class AmbiguousRelease(NocError):
    """Several releases begin with that prefix. Give more of the hash."""

    code, exit_code = "E415", 2


class NoSigners(NocError):
    """There is no file of trusted signers, so that no release can be verified. `noc init` makes it."""

    code, exit_code = "E416", 6


class NotARelease(NocError):
    """The file or directory given holds nothing that could be signed: no clavitor.pyz, or no version inside it."""

    code, exit_code = "E417", 2
