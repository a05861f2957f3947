"""instructor: python with_instructor.py BASE_URL QUESTION"""

import instructor
from cases import BASE_URL, QUESTION, Age, Pet, run
from openai import OpenAI


def structured(mode: instructor.Mode, kind: type) -> dict:
    client = instructor.from_openai(OpenAI(base_url=BASE_URL, api_key="none", max_retries=0), mode=mode)
    messages = [{"role": "user", "content": QUESTION}]
    return client.create(model="pip", messages=messages, response_model=kind, max_retries=0).model_dump()


run(
    {
        "json_schema": lambda: structured(instructor.Mode.JSON_SCHEMA, Pet),
        "ints": lambda: structured(instructor.Mode.JSON_SCHEMA, Age),
        "tools": lambda: structured(instructor.Mode.TOOLS, Pet),
    }
)
