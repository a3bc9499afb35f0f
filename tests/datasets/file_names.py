"""Names of files, of the databases and of no known one."""

from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(), max_size=40)  # unpaired surrogates included, as undecodable names have them
FILE_NAMES = st.one_of(
    ANY_TEXT,
    st.from_regex(r"\A[FM]\d{4}_(NE|AN|SU)0\d(WH|BL)_(F3D|RAW)\.wrl\Z"),
    st.from_regex(r"\Abs\d{3}_(N_N|E_[A-Z]{1,9}|YR_R\d\d|CAU_\w{1,6})(_\d)?\.bnt\Z"),
    st.from_regex(r"\A\d{3}\.wrl\Z"),
    st.from_regex(r"\A\d{5}d\d{3}\.abs(\.gz)?\Z"),
)
