"""The client that the original system's scripts used: HTTP at `/`, with replies as `data:` lines of an event stream."""

import http.client
import json


class OriginalClient:
    def __init__(self, relay, token):
        self.address = relay.address
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json",
                        "Accept": "application/json, text/event-stream"}

    def post(self, payload):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request("POST", "/", json.dumps(payload), self.headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def connect(self):
        """Performs the handshake, and uses a session if the server opens one."""
        status, headers, text = self.post({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {"listChanged": True}},
                       "clientInfo": {"name": "MCP Script Client", "version": "1.0.0"}}})
        if status != 200:
            raise AssertionError(f"initialize: {status} {text}")
        session = headers.get("mcp-session-id")
        if session is not None:
            self.headers["mcp-session-id"] = session
        self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def request(self, method, params, request_id=2):
        status, _, text = self.post({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        if status == 200:
            for line in text.split("\n"):
                if not line.startswith("data: "):
                    continue
                try:
                    data = json.loads(line[6:])
                except json.JSONDecodeError:
                    continue
                if "result" in data:
                    return data["result"]
                raise AssertionError(f"{method}: {data['error']['message']}")
        raise AssertionError(f"{method}: {status} {text}")

    def call_tool(self, tool, arguments=None, request_id=2):
        """Calls a tool; returns its reply, decoded from JSON. A failed operation returns `{"error": {...}}`."""
        result = self.request("tools/call", {"name": tool, "arguments": arguments or {}}, request_id)
        return json.loads(result["content"][0]["text"])
