"""Text that XML can carry. Pure."""


def xml_text(text: str) -> str:
    """A text without the characters that XML 1.0 cannot say (section 2.2): control characters and halves of pairs."""
    return "".join(each for each in text if _is_said(each))


def _is_said(character: str) -> bool:
    return (
        character in "\t\n\r" or " " <= character < "\ud800" or "\ue000" <= character < "\ufffe" or character > "\uffff"
    )
