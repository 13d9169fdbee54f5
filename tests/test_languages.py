import pytest

from nmt.languages import (
    UNDETERMINED,
    contradiction,
    count_scripts,
    language_code,
    language_of,
    script_of,
)

TEXTS = {
    "ja": "今日は良い天気ですね。",
    "zh": "今天天气很好，我们去公园吧。",
    "ko": "오늘은 날씨가 좋습니다.",
    "th": "วันนี้อากาศดีมาก",
    "lo": "ມື້ນີ້ອາກາດດີ",
    "km": "ថ្ងៃនេះអាកាសធាតុល្អ",
    "my": "ဒီနေ့ရာသီဥတုကောင်းတယ်",
    "bo": "དེ་རིང་གནམ་གཤིས་ཡག་པོ་འདུག",
    "el": "Σήμερα έχει καλό καιρό.",
    "he": "היום מזג האוויר טוב.",
    "und": "Heute ist das Wetter gut.",
}
UNDECIDED = ["Сегодня хорошая погода.", "الطقس جميل اليوم", "आज मौसम अच्छा है", "12:30 – 14.5 %!", ""]


@pytest.mark.parametrize("language", TEXTS)
def test_the_script_decides_what_it_can(language):
    assert language_of(count_scripts([TEXTS[language]])) == language


@pytest.mark.parametrize("text", UNDECIDED)
def test_scripts_of_many_languages_decide_nothing(text):
    assert language_of(count_scripts([text])) == UNDETERMINED


def test_foreign_words_do_not_decide():
    assert language_of(count_scripts(["WindowsとLinuxの両方で動作するソフトウェアです。"])) == "ja"
    assert language_of(count_scripts(["Sie sagte 今日は und ging nach Hause."])) == UNDETERMINED
    assert language_of(count_scripts(["大韓民國의 首都는 서울이다"])) == "ko"


@pytest.mark.parametrize(
    ("given", "code"),
    [("de", "de"), ("deu", "de"), ("ger", "de"), ("DE", "de"), ("jpn", "ja"), ("no", "no"),
     ("zh_tw", "zh-TW"), ("pt-br", "pt-BR"), ("chi", "zh"), ("und", "und")],
)  # fmt: skip
def test_codes_of_one_language_are_one(given, code):
    assert language_code(given) == code


@pytest.mark.parametrize("given", ["source", "target", "German", "xx", "", "e", "en_US.UTF-8"])
def test_what_is_no_code_is_refused(given):
    with pytest.raises(ValueError, match="no language code"):
        language_code(given)


def test_the_script_of_a_language():
    codes_of = {
        "Latn": "de ja-Latn",
        "Jpan": "ja",
        "Kore": "ko",
        "Hans": "zh cmn",
        "Hant": "zh-TW",
        "Mymr": "shn",
        "Tibt": "dz",
        "Arab": "arb",
        "": "und mul hbo source",
        "Grek": "grc",
    }
    for script, codes in codes_of.items():
        assert {script_of(code) for code in codes.split()} == {script}, codes


@pytest.mark.parametrize("language", [code for code in TEXTS if code != "und"])
def test_a_text_in_another_script_contradicts_its_language(language):
    scripts = count_scripts([TEXTS[language]])
    assert contradiction(language, scripts) is None
    assert contradiction(UNDETERMINED, scripts) is None
    assert "Latin" in contradiction(language, count_scripts([TEXTS["und"]]))
    assert f"en-{max(scripts, key=scripts.get)}" in contradiction("en", scripts)


def test_letters_that_say_nothing_contradict_nothing():
    assert contradiction("ja", count_scripts(["1234 ..."])) is None
    assert contradiction("mul", count_scripts([TEXTS["ja"]])) is None
    assert contradiction("hbo", count_scripts([TEXTS["he"]])) is None
    assert "und-Latn" in contradiction("und-Cyrl", count_scripts([TEXTS["und"]]))
    assert contradiction("sr-Latn", count_scripts(["Danas je lepo vreme."])) is None
