# tries: files and the relay itself, through `requests` and `urllib3`
# on: audit, facades; held
# off: landlock, namespaces, seccomp; held
import requests
import requests.utils
import urllib3


def by_file_url(ctx):
    return requests.get("file://" + ctx.params["canary"]).text


def by_writing(ctx):
    with requests.utils.atomic_open(ctx.params["data_dir"] + "/planted") as file:
        return file.write(b"x")


def by_archive(ctx):
    path = requests.utils.extract_zipped_paths(ctx.params["database"] + "/x")
    if path == ctx.params["database"] + "/x":
        raise LookupError("nothing extracted")
    return path


def by_certificate(ctx):
    return requests.get("https://127.0.0.1", cert=ctx.params["key"], timeout=1).text


def by_relay(ctx):
    return requests.get(f"http://localhost:{ctx.params['port']}/", timeout=1).text


def by_pool(ctx):
    return urllib3.PoolManager().request("GET", f"http://127.0.0.1:{ctx.params['port']}/", timeout=1, retries=False).data


def by_pool_of_a_host(ctx):
    return urllib3.HTTPConnectionPool("0.0.0.0", ctx.params["port"], timeout=1, retries=False).request("GET", "/").data


def by_proxy(ctx):
    proxies = {"http": f"http://127.0.0.1:{ctx.params['port']}"}
    return requests.get("http://example.com/", proxies=proxies, timeout=1).text


ATTEMPTS = [
    by_file_url,
    by_writing,
    by_archive,
    by_certificate,
    by_relay,
    by_pool,
    by_pool_of_a_host,
    by_proxy,
]
