"""What an agent calls itself: the name tells the program, the folder and the run."""

from pathlib import PurePosixPath

from agentd.agent_name import agent_name, folder_name, is_in_folder

SHOP = PurePosixPath("/home/me/shop")


def test_a_name_tells_program_folder_and_run() -> None:
    """It is the program, the folder with a mark of where that is, and the run."""
    assert agent_name("claude-code", SHOP, "4711") == f"claude-code/{folder_name(SHOP)}/4711"
    assert folder_name(SHOP).startswith("shop-")


def test_folders_of_one_name_are_told_apart() -> None:
    """An agent of another folder with the same name is not taken for one of this folder."""
    name = agent_name("claude-code", SHOP, "4711")
    assert is_in_folder(name, SHOP)
    assert not is_in_folder(name, PurePosixPath("/home/you/shop"))
    assert not is_in_folder("anonymous", SHOP)


def test_what_programs_call_themselves_is_made_a_word() -> None:
    """What a shell or a terminal obeys becomes a dash; where nothing is left it is `agent`."""
    made = agent_name("My Agent/\x1b[31m 2.0", PurePosixPath("/"), "a b")
    assert made == f"My-Agent-31m-2.0/{folder_name(PurePosixPath('/'))}/a-b"
    assert made.count("/") == 2
