"""Clients of other libraries complete a chat."""

from __future__ import annotations

import pytest

langchain = pytest.importorskip("langchain_openai")
llama_index = pytest.importorskip("llama_index.llms.openai_like")
QUESTION = "What is your first name?"


def test_langchain(server, expected) -> None:
    from langchain_core.messages import HumanMessage

    chat = langchain.ChatOpenAI(
        model="pip", base_url=f"{server.base_url}/v1", api_key="none", temperature=0, max_tokens=24
    )
    answer = chat.invoke([HumanMessage(QUESTION)])
    assert answer.content == expected and answer.usage_metadata["output_tokens"] > 0
    assert "".join(chunk.content for chunk in chat.stream(QUESTION)) == expected
    assert [a.content for a in chat.batch([QUESTION] * 3)] == [expected] * 3


def test_llama_index(server, expected) -> None:
    from llama_index.core.base.llms.types import ChatMessage

    options = {"model": "pip", "api_base": f"{server.base_url}/v1", "api_key": "none"}
    options |= {"temperature": 0, "max_tokens": 24}
    model = llama_index.OpenAILike(**options, is_chat_model=True, context_window=512)
    question = [ChatMessage(role="user", content=QUESTION)]
    assert model.chat(question).message.content == expected
    assert list(model.stream_chat(question))[-1].message.content == expected
    plain = llama_index.OpenAILike(**options, context_window=512)  # its default: /v1/completions
    assert plain.complete("The cat").text
