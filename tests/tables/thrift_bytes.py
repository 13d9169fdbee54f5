"""Values in Thrift's compact protocol, as the headers and footers of Parquet have them."""


def varint(value: int, size: int = 0) -> bytes:
    """Thrift's, with as many bytes as asked for."""
    data = [value & 127]
    while (value := value >> 7) or len(data) < size:
        data[-1] |= 128
        data.append(value & 127)
    return bytes(data)


def number(value: int) -> bytes:
    """A whole number as Thrift has it: those below 0 in between the others."""
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def field(step: int, kind: int, value: bytes = b"") -> bytes:
    return bytes([step << 4 | kind]) + value


def texts(*values: str) -> bytes:
    """A list of texts."""
    return bytes([len(values) << 4 | 8]) + b"".join(map(text, values))


def structs(*values: bytes) -> bytes:
    """A list of structs."""
    return bytes([len(values) << 4 | 12]) + b"".join(values)


def text(value: str) -> bytes:
    return varint(len(value)) + value.encode()
