"""Posts as a Japanese news site has them: some 40 KB each, one of six categories, several on a day, below Jekyll's ``_posts``.

No text of anybody: sentences are put together from the lists below, and from names that are made up, so many of them that such
posts shrink under compression nearly as far as real ones of that kind do: to a sixth with gzip, where those shrink to a fifth.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

TARGET_BYTES = 39_000
PER_DAY = 4
NEWEST = datetime(2026, 4, 12, 3, 0, tzinfo=UTC)
CATEGORIES = {
    "速報": "news",
    "技術解説": "technology",
    "経営": "management",
    "産業": "industry",
    "現場から": "field",
    "論文を読む": "papers",
}


def _words(text: str) -> list[str]:
    return text.split()


WHO = _words("""
    経済産業省 総務省 厚生労働省 国立研究所 大手銀行 地方銀行 自動車メーカー 部品メーカー 製薬会社
    通信事業者 電力会社 物流会社 建設会社 保険会社 小売チェーン 食品メーカー 出版社 放送局 大学病院 市役所
    県庁 商工会議所 新興企業 研究チーム 開発者団体 監査法人 法律事務所 半導体工場 港湾当局 航空会社
    鉄道会社 ホテル運営会社 農業法人 漁業協同組合 学習塾 自治体連合 検索サービス クラウド事業者 欧州委員会
    米国の裁判所
""")
WHAT = _words("""
    言語モデル 画像認識 音声合成 需要予測 品質検査 与信審査 在庫管理 契約書の確認 議事録の作成
    問い合わせ対応 設計支援 翻訳業務 採用選考 価格設定 配送計画 電力調整 予知保全 創薬の候補探索 診断補助
    学習データ 評価基準 推論費用 専用半導体 計算資源 社内文書の検索 個人情報の匿名化 著作権の扱い 監査記録
    利用者の同意 安全性試験 誤情報の検出 開発環境 自律エージェント 少量データでの調整 分散学習
    公開データセット 国際標準 人材育成 投資計画 補助金制度
""")
HOW = _words("""
    段階を踏んで 半年かけて 外部の専門家と組んで 既存の仕組みを残したまま 小さな部署から順に
    利用者の声を聞きながら 費用を抑えつつ 第三者の検証を受けて 海外の先例にならって 自社の人員だけで
    紙の帳票をなくす前に 現場の反対を押し切って 予定より早く 二度の延期を経て 競合より先に 取引先を巻き込んで
    試験運用の結果を受けて 法改正を待たずに 年度の途中から 夜間の時間帯に限って 匿名の記録をもとに
    人の確認を必ず挟んで
""")
DO = _words("""
    見直す 導入する 広げる 取りやめる 公開する 検証する 統合する 内製に切り替える 標準化する 測り直す
    共同で運営する 無償で配る 全社に展開する 数値で示す 一から作り直す 専門の部署に移す 契約に盛り込む
    段階的に減らす 外部に委ねる 翌期の計画に加える
""")
SAID = _words("""
    と発表した と明らかにした 方針を固めた ことを決めた と説明している という 見通しだ 考えだ と報じられた
    ことがわかった 必要がある とみられる との見方が強い ことに合意した 準備を進めている と関係者は話す
""")
WHY = _words("""
    背景には人手不足がある 費用の内訳は示されていない 効果が出るまでには時間がかかる 似た取り組みは過去にもあった
    失敗した例も少なくない 精度だけでは判断できない 責任の所在を先に決めておきたい 数字の読み方には注意がいる
    現場の負担は確かに減った 導入の前に業務を書き出すとよい 誰が最後に確かめるのかが問われる
    小さく始めて続けることが近道になる 学習に使った資料の権利も確認したい 海外では逆の動きも見られる
    投資の回収には三年を見込む 道具が変わっても手順は残る 評価の方法をそろえなければ比べられない
    公表された資料には条件が書かれている 規模の小さな会社ほど差が出やすい 既存の契約との関係も整理しておく
    運用の費用は年ごとに変わる 止めるときの手順も決めておく 専門家の意見は分かれている 一つの指標に頼るのは危うい
""")
UNITS = _words("""
    % 件 社 億円 万人 倍 か月 時間 拠点 万件
""")
SYLLABLES = _words("""
    ア イ ウ エ カ キ ク ケ コ サ シ ス セ タ チ テ ト ナ ニ ネ ノ ハ ヒ フ マ ミ メ モ
    ラ リ ル レ ロ ワ ガ ギ グ ゴ ジ ダ デ ド バ ビ ブ ボ パ ピ ン ー
""")
LINKS = _words("""
    しかし また 一方で そのため 例えば さらに ただし 実際に 加えて 結局 つまり もっとも
""")

CONFIG = f"""\
site:
  title: 見本の新聞
  url: https://example.org
  description: 測るための投稿
  language: ja
  timezone: Asia/Tokyo
  author: {{name: 編集部}}
content:
  directory: .
  dialect: jekyll
  permalink: /:year/:month/:day/:title/
  naive_dates: utc
  include: ['**/_posts/**']
feeds:
  window: 50
  ids: jekyll
  all: {{paths: {{atom: /feed.xml}}}}
  categories:
{"".join(f"    {label}: {{slug: {slug}}}{chr(10)}" for label, slug in CATEGORIES.items())}"""
"""As ``feedservice init`` writes it for such a site, with a window for several posts a day."""


def _name(rng: random.Random) -> str:
    """Name a company or a product that is none."""
    return rng.choice(SYLLABLES[:-2]) + "".join(rng.choices(SYLLABLES, k=rng.randrange(2, 6)))


def _sentence(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.25:
        return f"{rng.choice(WHO)}は{rng.choice(WHAT)}を{rng.choice(HOW)}{rng.choice(DO)}{rng.choice(SAID)}。"
    if kind < 0.5:
        return f"{_name(rng)}は{rng.choice(WHO)}と{rng.choice(WHAT)}「{_name(rng)}」を{rng.choice(DO)}{rng.choice(SAID)}。"
    if kind < 0.75:
        number = f"{rng.randrange(2, 980)}{rng.choice(UNITS)}"
        done = f"{rng.choice(WHAT)}を{rng.choice(DO)}{rng.choice(SAID)}"
        return f"{rng.choice(WHO)}では**{rng.choice(WHAT)}**が{number}に達し、{done}。"
    if kind < 0.9:
        return f"{rng.choice(LINKS)}、{rng.choice(WHY)}。"
    return f"{rng.choice(WHAT)}と[{rng.choice(WHAT)}](/glossary/{rng.randrange(400)}/)の関係について、{rng.choice(WHY)}。"


def _block(rng: random.Random, section: int) -> Iterator[str]:
    yield f"{'##' if section % 3 == 0 else '###'} {rng.choice(WHAT)}と{rng.choice(WHO)}の{rng.randrange(2, 40)}項目"
    for _ in range(3):
        yield "".join(_sentence(rng) for _ in range(rng.randrange(3, 7)))
    if section % 4 == 1:
        yield "\n".join(f"- **{rng.choice(WHAT)}**：{_sentence(rng)}" for _ in range(4))
    elif section % 4 == 3:
        rows = "\n".join(
            f"| {rng.choice(WHO)} | {rng.randrange(10_000):,} | {rng.randrange(1000) / 10}% | {rng.choice(WHAT)} |"
            for _ in range(5)
        )
        yield f"| 対象 | 件数 | 割合 | 内容 |\n|---|--:|--:|---|\n{rows}"


def body(rng: random.Random) -> str:
    """Write Markdown of ``TARGET_BYTES`` or a little more."""
    parts: list[str] = []
    size = 0
    while size < TARGET_BYTES:
        block = "\n\n".join(_block(rng, len(parts)))
        parts.append(block)
        size += len(block.encode())
    return "\n\n".join(parts) + "\n"


def name(date: datetime, number: int) -> str:
    """Return where a post lies."""
    return f"_posts/{date:%Y-%m-%d}-{number:05d}.md"


def post(rng: random.Random, date: datetime, number: int) -> str:
    """Write a post: its number decides about its category."""
    title = f"{rng.choice(WHO)}、{rng.choice(WHAT)}を{rng.choice(DO)}　{rng.choice(WHAT)}に{number}の論点"
    tags = ", ".join(f'"{tag}"' for tag in rng.sample(WHAT, 4))
    return (
        "---\n"
        "layout: post\n"
        f'title: "{title}"\n'
        f"date: {date:%Y-%m-%d %H:%M:%S} +0000\n"
        f"categories: [{list(CATEGORIES)[number % len(CATEGORIES)]}]\n"
        f"tags: [{tags}]\n"
        'author: "編集部"\n'
        f'excerpt: "{_sentence(rng).replace("*", "")}"\n'
        "reading_time: 8\n"
        "---\n\n" + body(rng)
    )


def date_of(number: int, count: int) -> datetime:
    """Return when post ``number`` of ``count`` appeared: the last one at ``NEWEST``."""
    return NEWEST - timedelta(seconds=(count - 1 - number) * (86_400 // PER_DAY) + number * 7 % 3_600)


def make(directory: Path, count: int) -> int:
    """Write ``count`` posts and a configuration below ``directory``; return the bytes of all posts."""
    (directory / "_posts").mkdir(parents=True, exist_ok=True)
    total = 0
    for number in range(count):
        date = date_of(number, count)
        data = post(random.Random(f"news {number}"), date, number).encode()
        (directory / name(date, number)).write_bytes(data)
        total += len(data)
    (directory / "config.yaml").write_text(CONFIG, encoding="utf-8")
    return total


def add(directory: Path, number: int, count: int) -> Path:
    """Write one more post, the newest of all, and return it."""
    date = NEWEST + timedelta(minutes=number - count + 1)
    file = directory / name(date, number)
    file.write_text(post(random.Random(f"news {number}"), date, number), encoding="utf-8")
    return file
