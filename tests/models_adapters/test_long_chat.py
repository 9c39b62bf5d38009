"""A hundred turns: the prefix survives, a trim costs nobody's waiting, and nothing grows."""

from itertools import pairwise
from typing import Any

import pytest

from bench.processor_time import rss_mb
from device.dialogue.history import History
from models.llm import LlamaCpp
from models.protocols import Message

QUESTIONS = ["What is the capital of France?", "And of Spain?", "Tell me about rain.", "How far is the moon?"]
TEMPLATE_TOKENS = 12  # around the question, up to where the answer begins


@pytest.mark.models
def test_over_a_hundred_turns_a_reply_reads_nothing_but_the_question(model_path: Any) -> None:
    model = LlamaCpp(model_path("smollm2-135m-instruct-q8_0"), context_tokens=320, max_reply_tokens=4)
    history = History("You are a voice assistant. Answer in one short sentence.")
    model.warm(history.messages)
    trims, prompt_before = 0, 0
    settled_mb = 0.0
    for turn in range(100):
        question = f"{QUESTIONS[turn % len(QUESTIONS)]} Question {turn}."
        answer = "".join(model.reply(history.messages_with(question)))
        fresh = model.last_prompt_tokens - model.last_reused_tokens
        words = len(model._llama.tokenize(question.encode(), add_bos=False))
        assert fresh <= words + TEMPLATE_TOKENS, f"turn {turn}: {fresh} tokens were read again"
        trims += model.last_prompt_tokens < prompt_before
        prompt_before = model.last_prompt_tokens
        history.user(question)
        history.assistant(answer.strip() + " So it is.")  # as heard, not as written: it differs at the end
        model.warm(history.messages)
        if turn == 50:
            settled_mb = rss_mb()
    assert trims >= 4, "the chat never became too long: the test proves nothing"
    assert rss_mb() < settled_mb * 1.02 + 5
    model.close()


@pytest.mark.models
@pytest.mark.parametrize("partial", ["What is the highest mount", "What is the highest mountain of Eur", "What is th"])
def test_a_partial_that_ends_within_a_word_is_used_up_to_there(chat_model: Any, partial: str) -> None:
    """The last token of a partial may be another one in the whole question: all before it are reused."""
    system = Message("system", "Be brief.")
    whole = "What is the highest mountain of Europe?"
    list(chat_model.reply([system, Message("user", whole)]))
    cold = list(chat_model.reply([system, Message("user", whole)]))
    chat_model.warm([Message("user", "Something else.")])
    chat_model.warm([system, Message("user", partial)])
    warm = list(chat_model.reply([system, Message("user", whole)]))
    assert warm == cold
    tokens = chat_model._llama.tokenize(partial.encode(), add_bos=False)
    head = chat_model._prompt([system, Message("user", "")])
    assert chat_model.last_reused_tokens >= len(head) - TEMPLATE_TOKENS + len(tokens) - 1


def test_the_history_is_bounded_and_begins_with_the_user() -> None:
    history = History("Be brief.")
    lengths = []
    for n in range(1000):
        history.user(f"question {n}")
        history.assistant(f"answer {n}" if n % 7 else "")  # now and then nothing was heard
        lengths.append(len(history.messages))
    assert max(lengths) <= 402
    assert history.messages[0].role == "system"
    assert history.messages[1].role == "user"
    assert history.messages[-1].text == "answer 999"
    drops = sum(b < a for a, b in pairwise(lengths))
    assert 1 <= drops <= 10, "in large steps"


@pytest.mark.models
def test_a_rut_in_the_chat_is_left(chat_model: Any) -> None:
    """What a soak found: after one sum that was answered so, everything was."""
    history = History("You are a helpful voice assistant. Answer in one short sentence.")
    shown = [*history.messages]
    for n, question in enumerate(["What is 5 plus 6?", *QUESTIONS, "Who wrote Hamlet?", "Why is the sky blue?"]):
        answer = f"The answer is {11 + n}."
        history.user(question)
        history.assistant(answer)
        shown += [Message("user", question), Message("assistant", answer)]
    asked = "What is the capital of Italy?"
    as_it_was = "".join(chat_model.reply([*shown, Message("user", asked)]))
    assert as_it_was.strip().startswith("The answer is"), (
        "the model does not do as it is shown: the test proves nothing"
    )
    assert "Rome" in "".join(chat_model.reply(history.messages_with(asked)))
