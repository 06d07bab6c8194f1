# Prints what one Python knows of its TLS clients, as JSON.
import json
import os
import ssl
import sys
from importlib import metadata

facts = {"executable": sys.executable, "version": "%d.%d.%d" % sys.version_info[:3], "openssl": ssl.OPENSSL_VERSION}
paths = ssl.get_default_verify_paths()
facts["cafile"], facts["capath"] = paths.cafile or "", paths.capath or ""
# The lines above name a file that exists; OpenSSL reads the folder all the same.
facts["envfile"] = os.environ.get(paths.openssl_cafile_env, "")


def options(context):
    flags = context.verify_flags
    return {
        "strict": bool(flags & ssl.VERIFY_X509_STRICT),
        "partial": bool(flags & getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0x80000)),
        "commonName": getattr(context, "hostname_checks_common_name", True),
    }


facts["ssl"] = options(ssl.create_default_context())
modules = {}
for name in ("requests", "certifi", "kfp", "kfp-server-api", "grpcio"):
    try:
        modules[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
facts["modules"] = modules
try:
    import certifi

    facts["certifi"] = certifi.where()
except ImportError:
    pass
try:
    from urllib3.util.ssl_ import create_urllib3_context

    facts["urllib3"] = options(create_urllib3_context())
except ImportError:
    pass
if "grpcio" in modules:
    for file in metadata.files("grpcio") or ():
        if file.name == "roots.pem":
            facts["grpc"] = str(file.locate())
print(json.dumps(facts))
