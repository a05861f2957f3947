"""Chat rendering: the exact form, the mask on every answer and its stop token, no forged turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstwords.config import UserError
from firstwords.tokenizer.chat import ROLES, fit, render
from firstwords.tokenizer.fast import SPECIAL_TOKENS, Tokenizer

TOKENIZER = Tokenizer.train(["user\nassistant\nsystem\nHello there, how are you today?\n" * 5], 290)
content = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=40),
    st.lists(st.sampled_from([*SPECIAL_TOKENS, "\n", " user", "assistant\n", "Hi"]), max_size=5).map("".join),
)
chats = st.lists(st.fixed_dictionaries({"role": st.sampled_from(ROLES), "content": content}), max_size=6)


def test_exact_form():
    messages = [{"role": "user", "content": " Hello \n"}, {"role": "assistant", "content": "\tHi\n"}]
    ids, mask = render(messages, TOKENIZER)
    form = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\nHi<|im_end|>\n"
    assert TOKENIZER.decode(ids, skip_special=False) == form
    supervised = [i for i, m in zip(ids, mask, strict=True) if m]
    assert TOKENIZER.decode(supervised, skip_special=False) == "Hi<|im_end|>"


@given(chats)
def test_mask_and_structure(messages):
    ids, mask = render(messages, TOKENIZER)
    assert len(ids) == len(mask)
    # As many specials as messages, whatever the messages' texts hold.
    assert ids.count(TOKENIZER.im_start_id) == ids.count(TOKENIZER.im_end_id) == len(messages)
    assert TOKENIZER.endoftext_id not in ids
    turns, turn = [], []
    for token, supervised in zip(ids, mask, strict=True):
        if supervised:
            turn.append(token)
        elif turn:
            turns.append(turn)
            turn = []
    answers = [m["content"].strip() for m in messages if m["role"] == "assistant"]
    assert [TOKENIZER.decode(turn[:-1]) for turn in turns] == answers
    assert all(turn[-1] == TOKENIZER.im_end_id for turn in turns)


@given(chats, content)
def test_prompt_is_a_prefix_of_the_chat_that_continues_it(messages, answer):
    prompt, mask = render(messages, TOKENIZER, add_generation_prompt=True)
    whole, _ = render([*messages, {"role": "assistant", "content": answer}], TOKENIZER)
    assert whole[: len(prompt)] == prompt
    assert not any(mask[len(render(messages, TOKENIZER)[0]) :])


def test_unknown_role():
    with pytest.raises(UserError, match="'narrator'"):
        render([{"role": "narrator", "content": "42"}], TOKENIZER)


def test_answers_of_weight_0_and_what_tools_say_are_read_and_not_learned():
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Wrong", "weight": 0},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": "Hello", "weight": 1},
    ]
    ids, mask = render(messages, TOKENIZER)
    plain = [{"role": m["role"], "content": m["content"]} for m in messages]
    assert ids == render(plain, TOKENIZER)[0]
    assert "Wrong" in TOKENIZER.decode(ids) and "tool\n42" in TOKENIZER.decode(ids)
    supervised = [i for i, m in zip(ids, mask, strict=True) if m]
    assert TOKENIZER.decode(supervised, skip_special=False) == "Hello<|im_end|>"


def test_tokenizer_without_chat_tokens(tmp_path):
    (tmp_path / "encoder.json").write_text('{"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}')
    (tmp_path / "vocab.bpe").write_text("#version: 0.2\na b\n")
    plain = Tokenizer.from_gpt2(tmp_path / "encoder.json", tmp_path / "vocab.bpe")
    assert plain.encode("ab") == [2] and plain.endoftext_id == 3 and not plain.has_chat_tokens
    with pytest.raises(UserError, match="im_start"):
        render([{"role": "user", "content": "a"}], plain)


turns = st.lists(content, max_size=9).map(
    lambda texts: [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
)


@given(turns.filter(lambda chat: len(chat) % 2 == 1), st.booleans(), st.integers(0, 200))
def test_the_oldest_turns_go_two_by_two_until_it_fits(chat, has_system, room):
    system = [{"role": "system", "content": "Be kind."}] * has_system
    dropped = 0
    while len(render([*system, *chat[dropped:]], TOKENIZER, True)[0]) > room and dropped < len(chat) - 1:
        dropped += 2
    expected = render([*system, *chat[dropped:]], TOKENIZER, True)[0]
    assert fit([*system, *chat], TOKENIZER, room) == (expected, dropped)


def test_what_is_kept_begins_with_a_question():
    roles = ("user", "user", "assistant", "user", "user", "assistant", "user")
    chat = [{"role": role, "content": role} for role in roles]
    starts = {fit(chat, TOKENIZER, room)[1] for room in range(150)}
    assert starts == {0, 1, 3, 4, 6}
