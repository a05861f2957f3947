"""litellm: python with_litellm.py BASE_URL QUESTION"""

import litellm
from cases import BASE_URL, QUESTION, Age, Pet, run

litellm.suppress_debug_info = True
SERVER = {"api_base": BASE_URL, "api_key": "none", "num_retries": 0, "temperature": 0}
CHAT = SERVER | {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 24}


def text(**options) -> str:
    return litellm.completion(**CHAT | options).choices[0].message.content


def streamed() -> str:
    chunks = litellm.completion(model="openai/pip", stream=True, **CHAT)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def response(**options):
    return litellm.responses(model="openai/pip", input=QUESTION, max_output_tokens=24, **SERVER | options)


def response_streamed() -> str:
    return "".join(event.delta for event in response(stream=True) if event.type == "response.output_text.delta")


def schema(kind: type) -> dict:
    return kind.model_validate_json(text(model="openai/pip", response_format=kind, max_tokens=None)).model_dump()


def too_long() -> str:
    try:
        text(model="openai/pip", messages=[{"role": "user", "content": "cat " * 2000}])
    except litellm.ContextWindowExceededError:
        return "ContextWindowExceededError"
    raise AssertionError("nothing was raised")


run(
    {
        "chat": lambda: text(model="openai/pip"),
        "hosted_vllm": lambda: text(model="hosted_vllm/pip"),
        "stream": streamed,
        "response": lambda: response().output[0].content[0].text,
        "response_stream": response_streamed,
        "object": lambda: schema(Pet),
        "ints": lambda: schema(Age),
        "too_long": too_long,
        "embedding": lambda: len(
            litellm.embedding(
                model="openai/pip", input=["a cat"], api_base=BASE_URL, api_key="none", encoding_format="float"
            ).data[0]["embedding"]
        ),
    }
)
