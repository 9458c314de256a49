"""A signed folder is refused as soon as anything of it is another."""

import random
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec

from reprotune import Classifier, cli
from reprotune.core import signing
from reprotune.core.errors import InputError
from reprotune.core.signing import place_signature, sign, verify
from tests import tiny
from tests.production.made import git

ROOT = Path(__file__).resolve().parents[2]
REFUSED = "not what the owner of .* signed"


def write_keys(folder: Path, name: str, password: bytes = b"") -> tuple[Path, Path]:
    """A private key and its public one."""
    key = ec.generate_private_key(ec.SECP256R1())
    hidden = form.BestAvailableEncryption(password) if password else form.NoEncryption()
    kept, told = folder / f"{name}.pem", folder / f"{name}.pub"
    kept.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, hidden))
    public = form.PublicFormat.SubjectPublicKeyInfo
    told.write_bytes(key.public_key().public_bytes(form.Encoding.PEM, public))
    return kept, told


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, Path]:
    """A folder, and the public key of who signed it."""
    folder = tmp_path / "merged"
    (folder / "sub").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "sub/shard.bin"):
        (folder / name).write_bytes(random.Random(name).randbytes(999))
    key, public = write_keys(tmp_path, "mine")
    sign(folder, key, place_signature(folder))
    return folder, public


def test_every_flip_and_every_added_file_is_refused(signed: tuple[Path, Path]) -> None:
    folder, public = signed
    verify(folder, public)
    draw = random.Random(1)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    for _ in range(100):
        file = draw.choice(files)
        whole = file.read_bytes()
        place = draw.randrange(len(whole))
        file.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :]
        )
        with pytest.raises(InputError, match=REFUSED):
            verify(folder, public)
        file.write_bytes(whole)
    for name in (".gitattributes", ".gitignore", "model.py", "empty", *map(str, range(16))):
        added = folder / ("sub" if name.isdecimal() else "") / name
        added.touch()
        with pytest.raises(InputError, match=REFUSED):
            verify(folder, public)
        added.unlink()
    verify(folder, public)


def test_a_missing_file_another_key_and_a_changed_signature_are_refused(
    signed: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, public = signed
    with pytest.raises(InputError, match=REFUSED):
        verify(folder, write_keys(tmp_path, "foreign")[1])
    shard = (folder / "sub/shard.bin").rename(tmp_path / "kept")
    with pytest.raises(InputError, match=REFUSED):
        verify(folder, public)
    shard.rename(folder / "sub/shard.bin")
    signature = place_signature(folder)
    signature.write_text(signature.read_text().replace('"payload":"', '"payload":"eyJ9'))
    with pytest.raises(InputError, match=REFUSED):
        verify(folder, public)
    signature.unlink()
    with pytest.raises(InputError, match="not signed: there is no"):
        verify(folder, public)


def test_a_copy_elsewhere_with_the_signature_inside_is_what_was_signed(
    signed: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, public = signed
    copy = Path(shutil.copytree(folder, tmp_path / "served"))
    place_signature(folder).rename(copy / signing.INSIDE)
    verify(copy, public)
    (copy / "config.json").write_text("{}")
    with pytest.raises(InputError, match=REFUSED):
        verify(copy, public)


def test_a_key_with_a_password_and_no_key_at_all(
    signed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, public = signed
    key, told = write_keys(tmp_path, "hidden", b"secret")
    with pytest.raises(InputError, match="no key of an elliptic curve"):
        sign(folder, key, place_signature(folder))
    verify(folder, public)
    monkeypatch.setenv(signing.PASSWORD, "secret")
    sign(folder, key, place_signature(folder))
    verify(folder, told)
    with pytest.raises(InputError, match="no such file"):
        sign(folder, tmp_path / "none.pem", place_signature(folder))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """An exported model, the public key of who signed it, and one of somebody else."""
    place = tmp_path_factory.mktemp("exported")
    folder = tiny.export(place / "merged")
    key, public = write_keys(place, "mine")
    sign(folder, key, place_signature(folder))
    return folder, public, write_keys(place, "foreign")[1]


@pytest.mark.parametrize(
    "command",
    [
        ["predict", "good", "--model", "MODEL"],
        ["score", "rows.csv", "--model", "MODEL"],
        ["shadow", "MODEL", "MODEL", "rows.csv"],
        ["serve", "--model", "MODEL"],
    ],
)
def test_commands_refuse_what_another_has_signed(
    exported: tuple[Path, Path, Path],
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own list of hashes is whole: the signature alone tells."""
    folder, _, foreign = exported
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    Path("dvc.yaml").write_text("artifacts:\n  it: {path: models/merged, type: model}\n")
    Path("rows.csv").write_text("text,label\ngood,positive\n")
    git("init", "-q")
    given = [str(folder) if word == "MODEL" else word for word in command]
    with pytest.raises(SystemExit) as ended:
        cli.main([*given, "--verify", str(foreign)])
    assert "not what the owner of" in str(ended.value.code)
    adapter = folder / "adapter_config.json"
    adapter.write_text("{}")
    with pytest.raises(SystemExit) as ended:
        cli.main(given)
    adapter.unlink()
    assert "adapter_config.json: was not exported" in str(ended.value.code)


def test_an_object_is_made_of_what_was_signed_alone(exported: tuple[Path, Path, Path]) -> None:
    folder, public, foreign = exported
    assert len(Classifier.load(folder, public).predict(["good"])) == 1
    with pytest.raises(InputError, match=REFUSED):
        Classifier.load(folder, foreign)
