# tries: connections of the relay to hosts that are forbidden to bots, through requests that the runtime never sends
# on: policy; rejected "__globals__"
# off: frames; held


class Bot:
    def on_message(self, msg):
        native = Bot.on_message.__globals__  # refused
        ask, escaped, refused = native["worker"]().ask, {}, {}
        hosts = """
            127.0.0.1 localhost LOCALHOST. 127.1 0 0.0.0.0 2130706433 0x7f000001 0177.0.0.1 ::1 :: ::ffff:127.0.0.1 ::ffff:7f00:1
            ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: fe80::1 fc00::1 fd00:ec2::254 169.254.169.254 10.0.0.1 172.16.0.1
            192.168.0.1 100.64.0.1 224.0.0.1 255.255.255.255 metadata.google.internal 127.0.0.1@example.com ../../run
        """.split()
        for host in hosts:
            for port in (80, 443, self.ctx.params["port"]):
                answer = ask({"connect": {"host": host, "port": port, "timeout_ms": 300}})
                (refused if "failed" in answer else escaped)[f"{host} {port}"] = str(answer)[:60]
        for number in (0, 1, 2, 1000):
            for question in (
                {"send": {"conn": number, "data": "eA=="}},
                {"receive": {"conn": number, "max_bytes": 10, "timeout_ms": 100}},
                {"tls": {"conn": number, "server_name": None, "verify": False, "alpn": []}},
            ):
                answer = ask(question)
                (refused if "failed" in answer else escaped)[f"{next(iter(question))} {number}"] = str(answer)[:60]
        self.ctx.post("bot", {"text": "over", "escaped": escaped, "refused": refused, "reached": []})
