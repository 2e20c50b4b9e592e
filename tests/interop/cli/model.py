"""A scripted model on loopback: it calls four tools of multiplayer, whatever it is asked, and then says what came of it.

It serves the APIs that the clients use: Anthropic's Messages, OpenAI's Chat Completions and Responses, and Gemini's
`streamGenerateContent`. All of them stream. It has no state: which call is next follows from the results of tools in
the conversation that a client sends.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

POST = "a post through a real client"
DONE = "The model has read its own post."
NOT_DONE = "The model has not read its own post."


class Call:
    """A call of a tool that the model asks for."""

    def __init__(self, tool, arguments, number):
        self.tool, self.arguments, self.id = tool, arguments, f"call_{number}"


def next_call(offered, results):
    """Returns the next call of the script, or None at its end.

    `offered` are the names of the tools of a request, with what the client puts before them; `results` are the texts
    that the calls so far have returned.
    """
    found = re.search(r"chn_\w+", "".join(results))
    channel_id = found[0] if found else None
    script = [
        ("health_check", {}),
        ("create_channel", {"name": "Real", "slots": ["invite:alice", "invite:bob"], "join_as": "alice"}),
        ("post_message", {"channel_id": channel_id, "body": POST}),
        ("sync_messages", {"channel_id": channel_id, "cursor": 0, "timeout_ms": 0, "include_own": True}),
    ]
    if len(results) >= len(script):
        return None
    tool, arguments = script[len(results)]
    name = next((name for name in offered if name.endswith(tool)), None)
    # Clients also ask the model for a title, for example, without offering tools.
    return Call(name, arguments, len(results)) if name else None


def verdict(results):
    """Returns the last words, by which a test sees if the tools have really been called."""
    return DONE if any(POST in result for result in results) else NOT_DONE


def text_of(content):
    """Returns the text of a tool's result, which APIs allow in several forms."""
    return content if isinstance(content, str) else json.dumps(content)


def anthropic(request):
    blocks = [block for message in request["messages"] if isinstance(message["content"], list) for block in message["content"]]
    results = [text_of(block.get("content", "")) for block in blocks if block["type"] == "tool_result"]
    call = next_call([tool["name"] for tool in request.get("tools", [])], results)
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"], "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": usage}
    if call:
        block = {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.tool, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call.arguments)}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": verdict(results)}
    reason = "tool_use" if call else "end_turn"
    if not request.get("stream"):
        content = [block | {"input": call.arguments}] if call else [{"type": "text", "text": verdict(results)}]
        return message | {"content": content, "stop_reason": reason}
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]


def chat(request):
    results = [text_of(message["content"]) for message in request["messages"] if message["role"] == "tool"]
    call = next_call([tool["function"]["name"] for tool in request.get("tools", [])], results)
    if call:
        function = {"name": call.tool, "arguments": json.dumps(call.arguments)}
        delta = {"role": "assistant", "tool_calls": [{"index": 0, "id": call.id, "type": "function", "function": function}]}
    else:
        delta = {"role": "assistant", "content": verdict(results)}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": request["model"]}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return [
        chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if call else "stop"}], "usage": usage},
    ]


def responses(request):
    results = [text_of(item["output"]) for item in request["input"] if item.get("type") == "function_call_output"]
    # Codex puts the tools of an MCP server into a namespace.
    offered = {}
    for tool in request.get("tools", []):
        for inner in tool.get("tools", [tool]):
            offered[inner.get("name", "")] = tool["name"] if tool.get("type") == "namespace" else None
    call = next_call(offered, results)
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": request["model"], "output": []}
    if call:
        item = {"type": "function_call", "id": f"fc_{call.id}", "call_id": call.id, "name": call.tool,
                "arguments": json.dumps(call.arguments), "status": "completed"}
        item |= {"namespace": offered[call.tool]} if offered[call.tool] else {}
    else:
        content = [{"type": "output_text", "text": verdict(results), "annotations": []}]
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return [
        {"type": "response.created", "response": response | {"status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response | {"status": "completed", "output": [item], "usage": usage}},
    ]


def gemini(request):
    parts = [part for content in request["contents"] for part in content.get("parts", [])]
    results = [text_of(part["functionResponse"]["response"]) for part in parts if "functionResponse" in part]
    declared = [function for tool in request.get("tools", []) for function in tool.get("functionDeclarations", [])]
    call = next_call([function["name"] for function in declared], results)
    part = {"functionCall": {"name": call.tool, "args": call.arguments}} if call else {"text": verdict(results)}
    candidate = {"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return [{"candidates": [candidate], "usageMetadata": usage}]


APIS = [(r"/v1/messages$", anthropic), (r"/chat/completions$", chat), (r"/responses$", responses),
        (r":(streamG|g)enerateContent$", gemini)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.partition("?")[0]
        api = next((api for pattern, api in APIS if re.search(pattern, path)), None)
        if api is None:
            # Counting of tokens, for example.
            self.answer(404, "application/json", b'{"error": {"message": "This model only answers."}}')
            return
        answer = api(request)
        if api is gemini and ":generateContent" in path:
            answer = answer[0]
        if isinstance(answer, dict):
            self.answer(200, "application/json", json.dumps(answer).encode())
            return
        # Anthropic and Responses name each event; Chat Completions ends with a word.
        names = [f"event: {event['type']}\n" if "type" in event else "" for event in answer]
        events = "".join(f"{name}data: {json.dumps(event)}\n\n" for name, event in zip(names, answer, strict=True))
        events += "data: [DONE]\n\n" if api is chat else ""
        self.answer(200, "text/event-stream", events.encode())

    def do_GET(self):
        self.answer(404, "application/json", b"{}")

    def answer(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Logs nothing."""


class Model:
    """The running model; a context manager."""

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
