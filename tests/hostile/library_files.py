# tries: files, through modules that read or write them as a side effect
# on: audit, facades; held
# off: landlock, namespaces; held
import certifi
import charset_normalizer
import email
import hashlib
import http.cookiejar
import ssl
import statistics
import zoneinfo


def by_zone_outside(ctx):
    return zoneinfo.ZoneInfo("../../.." + ctx.params["canary"])


def by_zone_path(ctx):
    zoneinfo.reset_tzpath(to=[ctx.params["data_dir"]])
    try:
        return zoneinfo.ZoneInfo("canary")
    finally:
        zoneinfo.reset_tzpath()


def by_cookies(ctx):
    jar = http.cookiejar.MozillaCookieJar(ctx.params["canary"])
    try:
        jar.load()
    except http.cookiejar.LoadError as error:
        return str(error)


def by_saved_cookies(ctx):
    return http.cookiejar.LWPCookieJar(ctx.params["data_dir"] + "/planted").save()


def by_guessing_charsets(ctx):
    return str(charset_normalizer.from_path(ctx.params["canary"]).best())


def by_message_file(ctx):
    return email.message_from_file(ctx.params["canary"])


def by_key_log(ctx):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.keylog_filename = ctx.params["data_dir"] + "/planted"
    return "writes there"


def by_certificate_chain(ctx):
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(ctx.params["canary"])


def by_trusted_file(ctx):
    return ssl.create_default_context(cafile=ctx.params["canary"])


def by_digest(ctx):
    class File:
        def readinto(self, buffer):
            raise LookupError("no file")

        def readable(self):
            return True

    return hashlib.file_digest(File(), "sha256")


def by_place_of_certificates(ctx):
    with type(certifi)("x").open(certifi.where(), "w") as file:
        return file.write("x")


ATTEMPTS = [
    by_zone_outside,
    by_zone_path,
    by_cookies,
    by_saved_cookies,
    by_guessing_charsets,
    by_message_file,
    by_key_log,
    by_certificate_chain,
    by_trusted_file,
    by_digest,
    by_place_of_certificates,
]
