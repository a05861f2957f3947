"""pydantic-ai with OPENAI_BASE_URL set: python with_pydantic_ai.py BASE_URL QUESTION"""

import os

from cases import BASE_URL, QUESTION, Age, Pet, run

os.environ |= {"OPENAI_BASE_URL": BASE_URL, "OPENAI_API_KEY": "none"}

from pydantic_ai import Agent, NativeOutput

SETTINGS = {"temperature": 0, "max_tokens": 24}


def answer(model: str, question: str = QUESTION, **options):
    return Agent(model, model_settings=SETTINGS).run_sync(question, **options)


def conversation(model: str) -> dict:
    agent = Agent(model, model_settings={"temperature": 0, "max_tokens": 8})
    first = agent.run_sync(QUESTION)
    second = answer(model, "Why?", message_history=first.all_messages())
    return {"first": first.output, "second": second.output}


def streamed() -> str:
    result = Agent("openai:pip", model_settings=SETTINGS).run_stream_sync(QUESTION)
    return list(result.stream_text())[-1]


def structured(model: str, kind: type) -> dict:
    return Agent(model, output_type=NativeOutput(kind), retries=0).run_sync(QUESTION).output.model_dump()


run(
    {
        "default": lambda: answer("openai:pip").output,
        "chat": lambda: answer("openai-chat:pip").output,
        "responses": lambda: answer("openai-responses:pip").output,
        "usage": lambda: answer("openai:pip").usage.output_tokens,
        "stream": streamed,
        "default_conversation": lambda: conversation("openai:pip"),
        "chat_conversation": lambda: conversation("openai-chat:pip"),
        "object": lambda: structured("openai:pip", Pet),
        "chat_object": lambda: structured("openai-chat:pip", Pet),
        "ints": lambda: structured("openai:pip", Age),
        "tools": lambda: Agent("openai:pip", output_type=Pet, retries=0).run_sync(QUESTION).output.model_dump(),
    }
)
