#!/usr/bin/env python3
"""Make a tiny Vosk model for a "language" of pure tones, and audio in that language.

The model is a complete, ordinary Vosk model directory (layout "v2": ``am/``,
``conf/``, ``graph/``).  Nothing in it is learnt from recordings: the acoustic
model is a two-layer network fitted in a few seconds to synthetic windows, and
the graphs are written arc by arc.  The only dependency is numpy.

A *phone* is a tone of a fixed frequency, a *word* is a fixed sequence of tones
(its *code*), and two non-word phones model silence (SIL) and everything else
that is loud but not one of the tones (NSN).  The spelling of a word is free,
so words may be Chinese, and a test can speak them with :func:`synthesise`.

    python make_tone_model.py OUT_DIR [--lexicon FILE] [--static] [--early-labels]

File formats are explained in README.md; the functions that write them are
``write_final_mdl`` (Kaldi text mode) and ``Fst.write`` (OpenFst binary).
"""

from __future__ import annotations

import argparse
import itertools
import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Samples = npt.NDArray[np.int16]
Code = tuple[int, ...]
"""A word's pronunciation: indices into :data:`TONES_HZ`."""

# --------------------------------------------------------------------------
# The language
# --------------------------------------------------------------------------

TONES_HZ: tuple[float, ...] = (400.0, 700.0, 1100.0, 1600.0)

DEFAULT_WORDS: tuple[str, ...] = (
    "社保", "养老", "失业", "人工", "医疗", "工伤", "生育", "保险",
    "查询", "余额", "缴费", "退休", "转", "是", "不是", "谢谢",
)  # fmt: skip

UNKNOWN_WORD = "[unk]"
CODE_LENGTH = 3


def enumerate_codes(length: int = CODE_LENGTH) -> Iterator[Code]:
    """All tone sequences of ``length`` in which no tone follows itself."""
    for code in itertools.product(range(len(TONES_HZ)), repeat=length):
        if all(a != b for a, b in itertools.pairwise(code)):
            yield code


def assign_codes(words: Sequence[str], length: int = CODE_LENGTH) -> dict[str, Code]:
    """Give every word a code of its own.

    Each word takes the free code that differs from the codes already given in
    as many places as possible.  The choice depends on the earlier words only,
    so appending words never changes the codes (and the audio) of the others.
    """
    if len(set(words)) != len(words):
        raise ValueError("a word appears twice")
    free = list(enumerate_codes(length))
    if len(words) > len(free):
        raise ValueError(f"{len(words)} words, but only {len(free)} codes of {length} tones")
    lexicon: dict[str, Code] = {}
    for word in words:
        best = max(
            free,
            key=lambda code: min(
                (sum(a != b for a, b in zip(code, used, strict=True)) for used in lexicon.values()),
                default=length,
            ),
        )
        free.remove(best)
        lexicon[word] = best
    return lexicon


def check_lexicon(lexicon: Mapping[str, Code]) -> None:
    """Refuse what would give a model that cannot work."""
    if not lexicon:
        raise ValueError("the lexicon is empty")
    for word, code in lexicon.items():
        if not word or word.split() != [word]:
            raise ValueError(f"{word!r}: a word must not be empty or contain white space")
        if not code or not all(0 <= t < len(TONES_HZ) for t in code):
            raise ValueError(f"{word!r}: a code is one or more tone numbers below {len(TONES_HZ)}")
    if len(set(lexicon.values())) != len(lexicon):
        raise ValueError("two words have the same code")


# --------------------------------------------------------------------------
# Audio in the language
# --------------------------------------------------------------------------


def tone(frequency: float, milliseconds: float, rate: int, amplitude: float, ramp_ms: float = 5.0) -> Floats:
    """A sine with raised-cosine ends (no clicks)."""
    count = round(rate * milliseconds / 1000)
    ramp = min(round(rate * ramp_ms / 1000), count // 2)
    wave = amplitude * np.sin(2 * math.pi * frequency * np.arange(count) / rate)
    if ramp:
        edge = 0.5 - 0.5 * np.cos(math.pi * (np.arange(ramp) + 0.5) / ramp)
        wave[:ramp] *= edge
        wave[-ramp:] *= edge[::-1]
    return wave


def synthesise(
    words: str | Iterable[str],
    lexicon: Mapping[str, Code],
    *,
    rate: int = 16000,
    tone_ms: float = 120.0,
    word_gap_ms: float = 90.0,
    lead_ms: float = 0.0,
    tail_ms: float = 0.0,
    amplitude: float = 6000.0,
    noise_rms: float = 0.0,
    seed: int = 0,
) -> Samples:
    """Speak ``words`` (a list, or one string with spaces) as 16-bit mono samples."""
    if isinstance(words, str):
        words = words.split()

    def silence(milliseconds: float) -> Floats:
        return np.zeros(round(rate * milliseconds / 1000))

    pieces = [silence(lead_ms)]
    for index, word in enumerate(words):
        if index:
            pieces.append(silence(word_gap_ms))
        pieces += [tone(TONES_HZ[t], tone_ms, rate, amplitude) for t in lexicon[word]]
    pieces.append(silence(tail_ms))
    wave = np.concatenate(pieces)
    if noise_rms:
        wave = wave + np.random.default_rng(seed).normal(0.0, noise_rms, len(wave))
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)


# --------------------------------------------------------------------------
# Features: Kaldi's MFCC with a full, unliftered DCT
# --------------------------------------------------------------------------

MODEL_RATE = 8000  # 16 kHz input is downsampled by libvosk, 8 kHz is taken as it is
WINDOW = 200  # 25 ms
FFT = 256
MEL_BINS = 30
LOW_HZ = 200.0
HIGH_HZ = 3800.0

MFCC_CONF = f"""\
--sample-frequency={MODEL_RATE}
--use-energy=false
--num-mel-bins={MEL_BINS}
--num-ceps={MEL_BINS}
--low-freq={LOW_HZ:g}
--high-freq={HIGH_HZ:g}
--cepstral-lifter=0
--dither=0
--allow-downsample=true
--allow-upsample=true
"""


def mel_scale(hertz: Floats | float) -> Floats:
    mel: Floats = 1127.0 * np.log(1.0 + np.asarray(hertz, dtype=float) / 700.0)
    return mel


def mel_matrix() -> Floats:
    """Triangular filters, one row per mel bin, one column per FFT bin."""
    low, high = float(mel_scale(LOW_HZ)), float(mel_scale(HIGH_HZ))
    delta = (high - low) / (MEL_BINS + 1)
    left = low + delta * np.arange(MEL_BINS)[:, None]
    mel = mel_scale(np.arange(FFT // 2) * MODEL_RATE / FFT)[None, :]
    rows: Floats = np.minimum((mel - left) / delta, (left + 2 * delta - mel) / delta).clip(min=0.0)
    if not rows.any(axis=1).all():  # libvosk would abort on an assertion
        raise ValueError("a mel bin holds no FFT bin: use fewer mel bins")
    return rows


def dct_matrix() -> Floats:
    """Kaldi's orthonormal DCT-II.  Square here, so its transpose is its inverse."""
    n = np.arange(MEL_BINS)
    rows: Floats = math.sqrt(2 / MEL_BINS) * np.cos(math.pi / MEL_BINS * (n[None, :] + 0.5) * n[:, None])
    rows[0] = math.sqrt(1 / MEL_BINS)
    return rows


def log_mel(windows: Floats) -> Floats:
    """Log mel energies of ``(n, WINDOW)`` samples, as Kaldi computes them."""
    x = windows - windows.mean(axis=1, keepdims=True)
    x = np.concatenate([0.03 * x[:, :1], x[:, 1:] - 0.97 * x[:, :-1]], axis=1)
    x = x * (0.5 - 0.5 * np.cos(2 * math.pi * np.arange(WINDOW) / (WINDOW - 1))) ** 0.85
    power = np.abs(np.fft.rfft(x, FFT, axis=1)[:, : FFT // 2]) ** 2
    energies: Floats = np.maximum(power @ mel_matrix().T, np.finfo(np.float32).eps)
    return np.log(energies)


def mfcc(samples: Samples) -> Floats:
    """MFCC of a whole signal at :data:`MODEL_RATE` (used to check the features)."""
    step = MODEL_RATE // 100
    starts = range(0, len(samples) - WINDOW + 1, step)
    windows = np.stack([samples[s : s + WINDOW] for s in starts]).astype(float)
    return log_mel(windows) @ dct_matrix().T


# --------------------------------------------------------------------------
# Acoustic model: a small network fitted to synthetic windows
# --------------------------------------------------------------------------

PDF_SIL, PDF_NSN, PDF_TONE = 0, 1, 2
NUM_PDFS = PDF_TONE + len(TONES_HZ)


def training_windows(rng: np.random.Generator, per_class: int) -> tuple[Floats, Ints]:
    """Windows of every kind of sound the model must tell apart, with their pdfs."""
    t = np.arange(WINDOW) / MODEL_RATE

    def log_uniform(low: float, high: float, count: int) -> Floats:
        return np.exp(rng.uniform(math.log(low), math.log(high), (count, 1)))

    def sine(frequency: Floats, count: int) -> Floats:
        return np.sin(2 * math.pi * (frequency * t + rng.uniform(0, 1, (count, 1))))

    def coloured(count: int) -> Floats:
        """Noise of unit level with a random spectral tilt."""
        freqs = np.fft.rfftfreq(WINDOW, 1 / MODEL_RATE) + 50
        spectrum = np.fft.rfft(rng.normal(size=(count, WINDOW)))
        spectrum *= freqs ** rng.uniform(-1.0, 0.3, (count, 1))
        wave = np.fft.irfft(spectrum, WINDOW)
        unit: Floats = wave / wave.std(axis=1, keepdims=True)
        return unit

    def edges(count: int) -> tuple[Floats, Floats]:
        """Gains of two sounds that meet inside the window, the first the longer.

        A quarter of the windows hold the first sound alone.
        """
        position = np.arange(WINDOW)[None, :]
        edge = rng.uniform(0.0, 0.45 * WINDOW, (count, 1))
        ramp = rng.uniform(2.0, 50.0, (count, 1))
        phase = np.clip((position - edge) / ramp, -1.0, 1.0) * (math.pi / 2)
        first = np.where(phase > 0, np.sin(phase) ** 2, 0.0)
        second = np.where(phase < 0, np.sin(phase) ** 2, 0.0)
        backwards = rng.random((count, 1)) < 0.5
        first = np.where(backwards, first[:, ::-1], first)
        second = np.where(backwards, second[:, ::-1], second)
        whole = rng.random((count, 1)) < 0.25
        return np.where(whole, 1.0, first), np.where(whole, 0.0, second)

    def off_grid(count: int) -> Floats:
        """Frequencies at least 9 % away from every tone."""
        found: list[float] = []
        while len(found) < count:
            f = math.exp(rng.uniform(math.log(150), math.log(3900)))
            if all(abs(f / tone_hz - 1) > 0.09 for tone_hz in TONES_HZ):
                found.append(f)
        return np.array(found)[:, None]

    batches: list[Floats] = []
    pdfs: list[int] = []

    def add(windows: Floats, pdf: int) -> None:
        batches.append(windows)
        pdfs.extend([pdf] * len(windows))

    # Tones: any level and phase, 3 % off, with noise or none, next to silence or
    # to another tone.
    for index, hertz in enumerate(TONES_HZ):
        n = per_class
        level = log_uniform(200, 28000, n)
        gain, neighbour_gain = edges(n)
        off = np.where(rng.random((n, 1)) < 0.5, 0.0, rng.uniform(-0.03, 0.03, (n, 1)))
        wave = sine(hertz * (1 + off), n) * gain
        neighbour = sine(rng.choice(TONES_HZ, (n, 1)), n) * neighbour_gain
        wave += neighbour * (rng.random((n, 1)) < 0.5)
        noisy = rng.random((n, 1)) < 0.6
        noise = coloured(n) * log_uniform(1e-3, 0.35, n) * noisy
        faint_noise = coloured(n) * log_uniform(0.3, 60, n) * (rng.random((n, 1)) < 0.5)
        add(level * (wave + noise) + faint_noise, PDF_TONE + index)
    # Silence: digital zero, offset, faint noise, mains hum, a faint tone.
    n = per_class // 4
    add(coloured(n) * log_uniform(0.05, 100, n), PDF_SIL)
    add(rng.integers(-2, 3, (n, 1)) + np.zeros((n, WINDOW)), PDF_SIL)
    hum = sine(np.where(rng.random((n, 1)) < 0.5, 50.0, 100.0), n) * log_uniform(10, 300, n)
    add(hum + coloured(n) * log_uniform(0.3, 50, n), PDF_SIL)
    faint = sine(np.exp(rng.uniform(math.log(200), math.log(3800), (n, 1))), n)
    add(faint * log_uniform(0.5, 60, n) + coloured(n) * log_uniform(0.3, 30, n), PDF_SIL)
    # Noise: hiss, other tones, two tones at once, voice-like sums of harmonics.
    add(coloured(n) * log_uniform(250, 9000, n), PDF_NSN)
    some = coloured(n) * log_uniform(0.3, 60, n) * (rng.random((n, 1)) < 0.5)
    add(sine(off_grid(n), n) * log_uniform(250, 25000, n) + some, PDF_NSN)
    level = log_uniform(250, 12000, n)
    first = sine(rng.choice(TONES_HZ, (n, 1)) * rng.uniform(0.97, 1.03, (n, 1)), n)
    add(level * (first + sine(off_grid(n), n) * log_uniform(0.4, 2.5, n)) + coloured(n), PDF_NSN)
    f0 = rng.uniform(90, 300, (n, 1))
    voice = sum(sine(f0 * k, n) * log_uniform(0.05, 1, n) for k in range(1, 12))
    add(voice * log_uniform(150, 6000, n) + coloured(n), PDF_NSN)

    windows = np.clip(np.rint(np.concatenate(batches)), -32768, 32767)
    return windows, np.array(pdfs)


@dataclass(frozen=True)
class Network:
    """``log_softmax(w2 @ relu(w1 @ x + b1) + b2)``; ``x`` is an MFCC frame."""

    w1: Floats
    b1: Floats
    w2: Floats
    b2: Floats

    def logits(self, x: Floats) -> Floats:
        return np.maximum(x @ self.w1.T + self.b1, 0.0) @ self.w2.T + self.b2


def fit_network(
    seed: int = 1,
    *,
    hidden: int = 40,
    per_class: int = 4000,
    epochs: int = 25,
    smoothing: float = 0.03,
) -> tuple[Network, float]:
    """Fit the network (Adam, cross-entropy) and return it with its held-out accuracy.

    ``smoothing`` (label smoothing) keeps the scores of wrong phones near
    ``log(smoothing / NUM_PDFS)``, so one bad frame costs less than the beam.
    """
    rng = np.random.default_rng(seed)
    windows, pdfs = training_windows(rng, per_class)
    x = log_mel(windows)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    x = (x - mean) / scale
    held_out = rng.random(len(x)) < 0.1
    target = np.full((len(x), NUM_PDFS), smoothing / NUM_PDFS)
    target[np.arange(len(x)), pdfs] += 1 - smoothing

    params = [
        rng.normal(0, math.sqrt(2 / MEL_BINS), (hidden, MEL_BINS)),
        np.zeros(hidden),
        rng.normal(0, math.sqrt(1 / hidden), (NUM_PDFS, hidden)),
        np.zeros(NUM_PDFS),
    ]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in params]
    train = np.flatnonzero(~held_out)
    step, batch = 0, 256
    for epoch in range(epochs):
        rate = 0.01 * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        rng.shuffle(train)
        for rows in np.array_split(train, len(train) // batch):
            step += 1
            xb = x[rows]
            a = xb @ params[0].T + params[1]
            h = np.maximum(a, 0)
            z = h @ params[2].T + params[3]
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            dz = (p - target[rows]) / len(rows)
            da = (dz @ params[2]) * (a > 0)
            gradients = [da.T @ xb, da.sum(axis=0), dz.T @ h, dz.sum(axis=0)]
            for value, gradient, (m, v) in zip(params, gradients, moments, strict=True):
                m += 0.1 * (gradient - m)
                v += 0.001 * (gradient**2 - v)
                value -= rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)

    # Fold the normalisation and the inverse DCT (log mel = dct.T @ mfcc) into layer 1.
    w1 = params[0] / scale
    network = Network(w1 @ dct_matrix().T, params[1] - w1 @ mean, params[2], params[3])
    guess = network.logits(log_mel(windows[held_out]) @ dct_matrix().T).argmax(axis=1)
    return network, float((guess == pdfs[held_out]).mean())


# --------------------------------------------------------------------------
# Phones and transitions
# --------------------------------------------------------------------------

# Word-position-dependent phones let libvosk align words exactly
# (graph/phones/word_boundary.int).  All four variants of a tone share one pdf.
POSITIONS: tuple[tuple[str, str], ...] = (
    ("B", "begin"), ("E", "end"), ("I", "internal"), ("S", "singleton"),
)  # fmt: skip
SIL, NSN = 1, 2
FIRST_TONE_PHONE = 3
NUM_PHONES = 2 + len(TONES_HZ) * len(POSITIONS)
STATES_PER_TONE = 2  # emitting HMM states: a tone lasts at least 2 x 30 ms


def tone_phone(tone_index: int, position: str) -> int:
    offset = [name for name, _ in POSITIONS].index(position)
    return FIRST_TONE_PHONE + tone_index * len(POSITIONS) + offset


def phone_states(phone: int) -> int:
    return STATES_PER_TONE if phone >= FIRST_TONE_PHONE else 1


def phone_pdf(phone: int) -> int:
    if phone < FIRST_TONE_PHONE:
        return {SIL: PDF_SIL, NSN: PDF_NSN}[phone]
    return PDF_TONE + (phone - FIRST_TONE_PHONE) // len(POSITIONS)


def transition_states() -> list[tuple[int, int, int]]:
    """(phone, HMM state, pdf), sorted: the order defines the transition-ids."""
    return [
        (phone, state, phone_pdf(phone)) for phone in range(1, NUM_PHONES + 1) for state in range(phone_states(phone))
    ]


def transition_ids() -> dict[tuple[int, int], tuple[int, int]]:
    """(phone, HMM state) -> (self-loop id, forward id); ids count from 1."""
    return {
        (phone, state): (2 * index + 1, 2 * index + 2) for index, (phone, state, _) in enumerate(transition_states())
    }


# --------------------------------------------------------------------------
# am/final.mdl (Kaldi text mode)
# --------------------------------------------------------------------------


def text_vector(values: Iterable[float]) -> str:
    return " [ " + " ".join(f"{v:.7g}" for v in values) + " ]\n"


def text_matrix(rows: Floats) -> str:
    return " [\n" + "\n".join("  " + " ".join(f"{v:.7g}" for v in row) for row in rows) + " ]\n"


def topology_text() -> str:
    def entry(phones: Iterable[int], states: int) -> str:
        lines = ["<TopologyEntry>", "<ForPhones>", " ".join(map(str, phones)), "</ForPhones>"]
        lines += [
            f"<State> {s} <PdfClass> 0 <Transition> {s} 0.5 <Transition> {s + 1} 0.5 </State>" for s in range(states)
        ]
        return "\n".join([*lines, f"<State> {states} </State>", "</TopologyEntry>"])

    tones = entry(range(FIRST_TONE_PHONE, NUM_PHONES + 1), STATES_PER_TONE)
    return "\n".join(["<Topology>", entry([SIL, NSN], 1), tones, "</Topology>", ""])


def write_final_mdl(path: Path, network: Network) -> None:
    states = transition_states()
    hidden = len(network.b1)

    def nonlinearity(kind: str, dim: int) -> str:
        return (
            f"<{kind}> <Dim> {dim} <ValueAvg> [ ]\n<DerivAvg> [ ]\n<Count> 0 "
            f"<OderivRms> [ ]\n<OderivCount> 0 </{kind}> "
        )

    def affine(weights: Floats, bias: Floats) -> str:
        return (
            "<FixedAffineComponent> <LinearParams> "
            + text_matrix(weights)
            + "<BiasParams> "
            + text_vector(bias)
            + "</FixedAffineComponent> "
        )

    components = [
        ("affine1", affine(network.w1, network.b1)),
        ("relu1", nonlinearity("RectifiedLinearComponent", hidden)),
        ("affine2", affine(network.w2, network.b2)),
        ("log_softmax", nonlinearity("LogSoftmaxComponent", NUM_PDFS)),
    ]
    config = [f"input-node name=input dim={MEL_BINS}"]
    source = "input"
    for name, _ in components:
        config.append(f"component-node name={name} component={name} input={source}")
        source = name
    config.append(f"output-node name=output input={source} objective=linear")

    text = "<TransitionModel> \n" + topology_text()
    text += f"<Triples> {len(states)} \n"
    text += "".join(f"{phone} {state} {pdf} \n" for phone, state, pdf in states)
    text += "</Triples> \n<LogProbs> \n"
    # Entry 0 is unused; one entry per transition-id.
    text += text_vector([0.0] + [math.log(0.5)] * (2 * len(states)))
    text += "</LogProbs> \n</TransitionModel> \n"
    # The space before the newline matters: reading a token eats one character.
    text += "<Nnet3> \n" + "\n".join(config) + "\n\n"
    text += f"<NumComponents> {len(components)} \n"
    text += "".join(f"<ComponentName> {name} {body}\n" for name, body in components)
    text += "</Nnet3> <LeftContext> 0 <RightContext> 0 <Priors> [ ]\n"
    path.write_text(text, encoding="ascii")


# --------------------------------------------------------------------------
# Graphs (OpenFst "vector" files over the standard arc)
# --------------------------------------------------------------------------


class Arc(NamedTuple):
    ilabel: int
    olabel: int
    weight: float
    target: int


@dataclass
class Fst:
    """A weighted transducer: arcs by state, and the costs of the final states."""

    arcs: list[list[Arc]] = field(default_factory=list)
    final: dict[int, float] = field(default_factory=dict)

    def add_state(self) -> int:
        """Add a state without arcs and return its number."""
        self.arcs.append([])
        return len(self.arcs) - 1

    def add(self, source: int, target: int, ilabel: int, olabel: int, weight: float = 0.0) -> None:
        """Add an arc."""
        self.arcs[source].append(Arc(ilabel, olabel, weight, target))

    def write(self, path: Path) -> None:
        """Little-endian OpenFst file; state 0 is the start."""

        def string(value: str) -> bytes:
            return struct.pack("<i", len(value)) + value.encode("ascii")

        count = sum(map(len, self.arcs))
        data = bytearray(struct.pack("<i", 2125659606))  # magic number
        data += string("vector") + string("standard")
        # version, flags (no symbol tables), properties (expanded | mutable),
        # start state, number of states, number of arcs
        data += struct.pack("<iiQqqq", 2, 0, 0x3, 0, len(self.arcs), count)
        for state, arcs in enumerate(self.arcs):
            data += struct.pack("<fq", self.final.get(state, math.inf), len(arcs))
            for arc in sorted(arcs):
                data += struct.pack("<iifi", arc.ilabel, arc.olabel, arc.weight, arc.target)
        path.write_bytes(data)


def word_ids(lexicon: Mapping[str, Code]) -> dict[str, int]:
    """The symbol table: epsilon is 0, the words follow, the usual specials end it."""
    symbols = ["<eps>", UNKNOWN_WORD, *lexicon, "#0", "<s>", "</s>"]
    if len(set(symbols)) != len(symbols):
        raise ValueError("a word has the name of a special symbol")
    return {symbol: index for index, symbol in enumerate(symbols)}


UNKNOWN_COST = 4.0
UNKNOWN_TONE_COST = 1.5
PAUSE_COST = 0.5


def build_hcl(lexicon: Mapping[str, Code], word_costs: Mapping[str, float], *, early_labels: bool) -> Fst:
    """Transition-ids to words: a loop over all words with optional pauses.

    A phone of n states becomes n arcs with forward ids; the state after each
    carries the self-loop (Kaldi's "reordered" form, which word alignment
    expects).  The word label sits on the word's last tone, so that a partial
    result shows a word only once it is distinguishable; ``early_labels`` puts
    it on the first tone instead.
    """
    ids = word_ids(lexicon)
    tids = transition_ids()
    fst = Fst()

    def add_phone(source: int, phone: int, olabel: int = 0, weight: float = 0.0, target: int | None = None) -> int:
        for state in range(phone_states(phone)):
            loop, forward = tids[phone, state]
            last = state == phone_states(phone) - 1
            node = target if last and target is not None else fst.add_state()
            fst.add(source, node, forward, olabel, weight)
            if not any(arc.target == node and arc.ilabel == loop for arc in fst.arcs[node]):
                fst.add(node, node, loop, 0)
            source, olabel, weight = node, 0, 0.0
        return source

    start, loop, silence, noise = (fst.add_state() for _ in range(4))
    fst.final[loop] = 0.0

    def add_pauses(source: int) -> None:
        """From ``source``: straight on, or through silence and noise in any order."""
        fst.add(source, loop, 0, 0, PAUSE_COST)
        add_phone(source, SIL, weight=PAUSE_COST, target=silence)
        add_phone(source, NSN, weight=PAUSE_COST, target=noise)

    add_pauses(start)
    for here, phone, there in ((silence, NSN, noise), (noise, SIL, silence)):
        add_phone(here, phone, weight=PAUSE_COST, target=there)
        fst.add(here, loop, 0, 0)

    for word, code in lexicon.items():
        node = loop
        for index, tone_index in enumerate(code):
            first, last = index == 0, index == len(code) - 1
            position = "S" if first and last else "B" if first else "E" if last else "I"
            label_here = first if early_labels else last
            node = add_phone(
                node,
                tone_phone(tone_index, position),
                ids[word] if label_here else 0,
                word_costs.get(word, 0.0) if first else 0.0,
            )
        add_pauses(node)

    # [unk]: any tones, at a price.  Useful in grammars; Gr.fst does not offer it.
    unknown, end, middle = ids[UNKNOWN_WORD], fst.add_state(), fst.add_state()
    for tone_index in range(len(TONES_HZ)):
        for position, source, target, label, cost in (
            ("S", loop, end, unknown, UNKNOWN_COST),
            ("B", loop, middle, 0, UNKNOWN_COST),
            ("I", middle, middle, 0, UNKNOWN_TONE_COST),
            ("E", middle, end, unknown, UNKNOWN_TONE_COST),
        ):
            node = add_phone(source, tone_phone(tone_index, position), label, cost)
            fst.add(node, target, 0, 0)
    add_pauses(end)
    return fst


def build_g(lexicon: Mapping[str, Code]) -> Fst:
    """The language model: every word, equally likely, any number of times."""
    ids = word_ids(lexicon)
    fst = Fst()
    state = fst.add_state()
    fst.final[state] = 0.0
    for word in lexicon:
        fst.add(state, state, ids[word], ids[word], math.log(len(lexicon)))
    return fst


# --------------------------------------------------------------------------
# The directory
# --------------------------------------------------------------------------


def model_conf(acoustic_scale: float) -> str:
    """Decoder and endpoint options, as in the published models."""
    return f"""\
--min-active=200
--max-active=3000
--beam=13.0
--lattice-beam=4.0
--acoustic-scale={acoustic_scale:g}
--frame-subsampling-factor=3
--endpoint.silence-phones={SIL}:{NSN}
--endpoint.rule2.min-trailing-silence=0.5
--endpoint.rule3.min-trailing-silence=0.75
--endpoint.rule4.min-trailing-silence=1.0
"""


def make_model(
    directory: Path,
    lexicon: Mapping[str, Code] | None = None,
    *,
    static: bool = False,
    early_labels: bool = False,
    seed: int = 1,
    acoustic_scale: float = 1.0,
    network: Network | None = None,
) -> dict[str, Code]:
    """Write a model directory and return its lexicon.

    With ``static`` the model has one HCLG.fst (as the large Vosk models do) and
    ignores grammars; otherwise HCLr.fst and Gr.fst (as the small models do).
    Pass a fitted ``network`` to make several models without fitting each time.
    An ``acoustic_scale`` of about 0.1 makes the decoder unsure of itself, which
    is a way to see confidences below 1 on clean audio.
    """
    codes = dict(lexicon) if lexicon is not None else assign_codes(DEFAULT_WORDS)
    check_lexicon(codes)
    if network is None:
        network, _ = fit_network(seed)
    for sub in ("am", "conf", "graph/phones"):
        (directory / sub).mkdir(parents=True, exist_ok=True)
    graph = directory / "graph"
    write_final_mdl(directory / "am/final.mdl", network)
    (directory / "conf/mfcc.conf").write_text(MFCC_CONF, encoding="ascii")
    (directory / "conf/model.conf").write_text(model_conf(acoustic_scale), encoding="ascii")

    stale = ("HCLr.fst", "Gr.fst", "disambig_tid.int") if static else ("HCLG.fst",)
    for name in stale:
        (graph / name).unlink(missing_ok=True)
    if static:
        costs = dict.fromkeys(codes, math.log(len(codes)))
        build_hcl(codes, costs, early_labels=early_labels).write(graph / "HCLG.fst")
    else:
        build_hcl(codes, {}, early_labels=early_labels).write(graph / "HCLr.fst")
        build_g(codes).write(graph / "Gr.fst")
        # No disambiguation symbols, but the file must exist.
        (graph / "disambig_tid.int").write_text("", encoding="ascii")

    symbols = "".join(f"{word} {index}\n" for word, index in word_ids(codes).items())
    (graph / "words.txt").write_text(symbols, encoding="utf-8")
    boundary = f"{SIL} nonword\n{NSN} nonword\n" + "".join(
        f"{tone_phone(index, name)} {kind}\n" for index in range(len(TONES_HZ)) for name, kind in POSITIONS
    )
    (graph / "phones/word_boundary.int").write_text(boundary, encoding="ascii")
    return codes


def read_lexicon(path: Path, code_length: int = CODE_LENGTH) -> dict[str, Code]:
    """Words, one per line, either all with their codes (tone numbers) or all without."""
    lines = path.read_text(encoding="utf-8").splitlines()
    entries = [line.split() for line in lines if line.strip()]
    if all(len(entry) == 1 for entry in entries):
        return assign_codes([entry[0] for entry in entries], code_length)
    return {word: tuple(map(int, code)) for word, *code in entries}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a Vosk model for a language of tones.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--lexicon", type=Path, help="words (and codes), one per line")
    parser.add_argument("--static", action="store_true", help="write HCLG.fst (no grammars)")
    parser.add_argument("--early-labels", action="store_true", help="guess words at their first tone")
    parser.add_argument("--code-length", type=int, default=CODE_LENGTH, help="tones per word")
    parser.add_argument("--acoustic-scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.lexicon:
        lexicon = read_lexicon(options.lexicon, options.code_length)
    else:
        lexicon = assign_codes(DEFAULT_WORDS, options.code_length)
    network, accuracy = fit_network(options.seed)
    make_model(
        options.directory,
        lexicon,
        static=options.static,
        early_labels=options.early_labels,
        acoustic_scale=options.acoustic_scale,
        network=network,
    )
    print(f"{options.directory}: {len(lexicon)} words, frame accuracy {accuracy:.1%}")
    for word, code in lexicon.items():
        print(f"  {word}\t{' '.join(f'{TONES_HZ[t]:g}' for t in code)}")


if __name__ == "__main__":
    main()
