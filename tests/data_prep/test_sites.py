"""Tables of names as they are and as they should not be."""

from __future__ import annotations

import pytest

from data_prep.sites import read_sites, sites_of_patients
from fedmini.errors import UserError

HEAD = "Grade,BraTS_2019_subject_ID,BraTS_2020_subject_ID"


def table(tmp_path, *lines: str):
    path = tmp_path / "names.csv"
    path.write_bytes("\n".join([HEAD, *lines]).encode("utf-8", "surrogateescape"))
    return read_sites(path)


def test_rows_that_say_little(tmp_path):
    assert table(tmp_path, "HGG", "HGG,NA,a", "HGG,BraTS19_,b", "", "HGG,BraTS19__A_1,c") == {}
    long = table(tmp_path, "HGG,BraTS19_TMC_1_1,d,more,and more")
    assert long == {"BraTS19_TMC_1_1": "TMC", "d": "TMC"}


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["HGG,BraTS19_A_1_1,a", "HGG,BraTS19_B_1_1,a"], "a comes from A and B"),
        (["HGG,\udcff\udcfe,a"], "is no table that can be read"),
        (['HGG,"BraTS19_A_1_1,a'], "is no table that can be read"),
    ],
)
def test_tables_that_are_refused(tmp_path, lines, complaint):
    with pytest.raises(UserError, match=complaint):
        table(tmp_path, *lines)


def test_a_table_of_nothing(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UserError, match="found the columns nothing; BraTS_2019_subject_ID"):
        read_sites(tmp_path / "empty.csv")
    with pytest.raises(UserError, match="Is a directory"):
        read_sites(tmp_path)


def test_a_patient_comes_from_one_place():
    cases = ["BraTS-GLI-00001-000", "BraTS-GLI-00001-001", "BraTS-GLI-00002-000"]
    found = sites_of_patients(cases, {cases[1]: "TMC"})
    assert found == {"BraTS-GLI-00001": "TMC", "BraTS-GLI-00002": None}
    with pytest.raises(UserError, match="BraTS-GLI-00001 comes from A and from B"):
        sites_of_patients(cases, {cases[0]: "A", cases[1]: "B"})
