# tries: files and the relay itself, through `urllib`
# on: audit, facades; held
# off: landlock, namespaces, seccomp; held
import urllib.request


def by_file_url(ctx):
    return urllib.request.urlopen("file://" + ctx.params["canary"]).read()


def by_local_file_url(ctx):
    return urllib.request.urlopen("local_file://" + ctx.params["canary"]).read()


def by_retrieving(ctx):
    return urllib.request.urlretrieve("file://" + ctx.params["canary"], ctx.workspace + "/taken")


def by_writing(ctx):
    return urllib.request.urlretrieve("data:text/plain,x", ctx.params["data_dir"] + "/planted")


def by_opener(ctx):
    request = urllib.request.Request("file://" + ctx.params["canary"])
    return urllib.request.FileHandler().open_local_file(request).read()


def by_old_opener(ctx):
    return urllib.request.URLopener().open_local_file(ctx.params["canary"]).read()


def by_relay(ctx):
    return urllib.request.urlopen(f"http://127.0.0.1:{ctx.params['port']}/mcp", timeout=1).read()


def by_mapped_address(ctx):
    return urllib.request.urlopen(f"http://[::ffff:127.0.0.1]:{ctx.params['port']}/", timeout=1).read()


def by_number(ctx):
    return urllib.request.urlopen(f"http://2130706433:{ctx.params['port']}/", timeout=1).read()


def by_metadata_service(ctx):
    return urllib.request.urlopen("http://169.254.169.254/latest/meta-data/", timeout=1).read()


def by_ftp(ctx):
    return urllib.request.urlopen(f"ftp://127.0.0.1:{ctx.params['port']}/", timeout=1).read()


ATTEMPTS = [
    by_file_url,
    by_local_file_url,
    by_retrieving,
    by_writing,
    by_opener,
    by_old_opener,
    by_relay,
    by_mapped_address,
    by_number,
    by_metadata_service,
    by_ftp,
]
