"""The shapes of docs/tamga.cddl that admission needs, as predicates over decoded values."""


def _uint(limit):
    return lambda value: isinstance(value, int) and value <= limit


U8, U16, U32, NUM = _uint(0xFF), _uint(0xFFFF), _uint(0xFFFFFFFF), _uint((1 << 53) - 1)


def only(*values):
    return lambda value: isinstance(value, int) and value in values


def bytes_of(*lengths):
    return lambda value: isinstance(value, bytes) and (not lengths or len(value) in lengths)


def text(value):
    return isinstance(value, str)


def fixed(*fields):
    return lambda value: isinstance(value, list) and len(value) == len(fields) and all(f(v) for f, v in zip(fields, value))


def many(field, least=0, most=1 << 60):
    return lambda value: isinstance(value, list) and least <= len(value) <= most and all(field(one) for one in value)


def either(*shapes):
    return lambda value: any(shape(value) for shape in shapes)


B, B16, B32, B64 = bytes_of(), bytes_of(16), bytes_of(32), bytes_of(64)
MAYBE16, MAYBE32 = bytes_of(0, 16), bytes_of(0, 32)
TITLE = fixed(text, text, text)
UNIT = fixed(U32, U32)
SCOPE = either(
    fixed(only(0), only(0), only(0)), fixed(only(1), U32, only(0)), fixed(only(2), U32, only(0)), fixed(only(3), U32, U32)
)
RECORD = fixed(NUM, B32, U16, U16, SCOPE, many(B16), U32, NUM, NUM, MAYBE32, B16, B, MAYBE32)
SIGNED = fixed(B, many(B64))
SUBMISSION = fixed(SIGNED, B)
FLAG = fixed(U16, NUM)
ENTRY = fixed(NUM, NUM, U8, U16, many(FLAG), U8, B)
STUB = fixed(B32, U16, many(B16), U32, NUM)
NODE_KEYS = fixed(U32, text, B32, B32, B32, B32, B32)
CELL = fixed(U32, U32, B32)
ATTESTATION = fixed(B16, NUM, B16, B64)
BODIES = {
    1: fixed(
        U8, TITLE, text, fixed(text, text, B32, B32), U32, many(B32),
        many(fixed(text, TITLE, B32, B32, many(NODE_KEYS))), text, U32, NUM, many(fixed(text, NUM)),
        NUM, U32, NUM, U32, U32, U32,
    ),
    2: fixed(U8, U32, B),
    3: fixed(many(fixed(B32, U8, SCOPE, many(U16), NUM, NUM, B64))),
    4: fixed(many(B16), U8),
    5: fixed(U32, U32, U32, U32, B),
    6: fixed(U32, U8, MAYBE32, B, B, U32),
    7: fixed(U8, U32, fixed(*[U32] * 8), many(text), many(text), many(fixed(B16, U8)), NUM, MAYBE32),
    8: fixed(U8, U8, NUM),
    9: fixed(B32, U8),
    10: fixed(U32, many(CELL), U8),
    11: fixed(U8, U32, many(NUM), B32),
    12: fixed(
        text, U32, U8, many(fixed(text, NUM)), many(NUM), many(CELL), many(text), many(B16), many(B16), U32, MAYBE32, MAYBE16
    ),
    13: fixed(MAYBE32, U8, many(fixed(text, NUM)), many(NUM), MAYBE32),
    15: fixed(text, U32, many(B32), many(fixed(text, NUM)), many(NUM), many(B16), MAYBE32),
    16: fixed(
        text, text, U8, U32,
        either(
            fixed(only(1, 6), fixed()),
            fixed(only(2, 3), fixed(B32)),
            fixed(only(4, 5), fixed(U32)),
            fixed(only(7, 9), fixed(many(U32))),
            fixed(only(8), fixed(NUM)),
            fixed(only(10), fixed(U32, U32)),
        ),
        NUM, U8, B32,
    ),
    17: fixed(U8, U8, MAYBE32, NUM, MAYBE32, MAYBE32, B32),
    18: fixed(U8, text, U8, MAYBE16, MAYBE16, many(text), U32, text, MAYBE16),
    20: either(
        fixed(only(1), fixed(text, U8, NODE_KEYS)),
        fixed(only(2), fixed(U32, U8)),
        fixed(only(3), fixed(U32, U8)),
        fixed(only(4), fixed(NODE_KEYS, U8)),
        fixed(only(5), fixed(text, B32, B32, B64, U8)),
        fixed(only(16), fixed(U32, text)),
        fixed(only(18), fixed(U32, NUM, B32, B32, many(U32), many(U32))),
    ),
    21: fixed(U8, NUM, B32, B32, MAYBE32, MAYBE32),
    22: fixed(U32, NUM, NUM, many(fixed(MAYBE16, text, NUM))),
}
CONFIDENTIAL = {8: fixed(B32, B32, U32, U8, many(ATTESTATION))}
PARTS = {
    1: many(fixed(U32, TITLE, U32, many(fixed(U32, text, text, U8)))),
    2: many(fixed(U32, U8, U32, text, NUM, NUM, many(U32))),
    3: many(
        fixed(
            text, U32, many(fixed(text, TITLE, U8)),
            many(fixed(many(fixed(U32, text)), U8, many(fixed(U32, text)), U8)),
        )
    ),
    4: fixed(U32, B32),
}
RECEIPT = fixed(NUM, NUM, B, many(B32), many(B32), text)
HISTORY = fixed(NUM, many(B))
BUNDLE = either(fixed(only(1), B, B), fixed(only(2), B, B, B))
SEALED = fixed(B, B64)
BATCH = fixed(NUM, B32, U32, NUM, NUM, NUM, U32, only(0, 1), many(B, 0, 4_096))
JUDGED = fixed(NUM, NUM, only(0, 1, 2), U16, many(FLAG, 0, 48))
PROMISE = fixed(NUM, B32, B32, U32, NUM, many(JUDGED, 0, 1))
EVIDENCE = fixed(text, B32, B, many(B), NUM, B)
EVIDENCE_CONTENTS = {
    1: fixed(text, text, many(fixed(only(0, 1), B32, many(B32, 0, 64)), 0, 1)),
    2: fixed(B, B),
    3: fixed(B, NUM, many(B32, 0, 32)),
    4: fixed(B, text, only(0, 1), many(B)),
    5: fixed(B, B),
    6: fixed(B32, B, B),
    7: fixed(B32, B, B64),
}
COURT = fixed(
    text, text,
    either(
        fixed(only(1, 2), U32, fixed()),
        lambda value: fixed(only(3), only(0), many(B32, 1))(value) and value[2] == sorted(set(value[2])),
    ),
    text, B, many(fixed(text, many(B32, 0, 64), many(B32, 0, 64))), many(fixed(NUM, only(0, 1), B, B)), many(B32), many(B32),
)
