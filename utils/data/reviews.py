"""A stand-in for the IMDB movie reviews, written by a small grammar, for when the real ones cannot be had.

Why: notebooks and tests must run without a network, and still meet what makes real reviews hard: "not good" and
"not bad", praise before a damning verdict, other people's opinions, sad plots in good films, rare words, and reviews
that cannot make up their mind. The shares below the templates are set so that models score as on the real set, and so
that the order of words is worth as little on whole reviews, and as much on sentences that only the order tells apart:

    models of notebook 8, 9,000 + 3,000 reviews, 250 words    real, four draws     drawn
    bag of 5,000 words, TF-IDF: accuracy                      0.872-0.887          0.882
    averaged embeddings of 16: accuracy                       0.872-0.883          0.879
        trained on the first, read the first 50 / the last 50 0.78 / 0.81          0.78 / 0.79
        the first 20                                          0.70-0.73            0.69
    with pairs of words, 50,000: accuracy                     0.871-0.888          0.883
    pairs of reviews scored the wrong way round:
        words; pairs of words; convolution of 3               0.054; 0.050; 0.053  0.060; 0.054; 0.056
        the half that is denser in negations                  0.058; 0.053; 0.057  0.072; 0.062; 0.067
    logit of "not bad … good" above "not good … bad":
        words; pairs of words; convolution of 3               0; 4.8-5.3; 0-0.5    0; 4.1; 1.4

    text, 12,000 reviews                                      real                 drawn
    words a review, median; share above 250                   177; 0.31            176; 0.30
    share of held-out words outside 10,000                    0.056                0.030
    different words in the first 250 of 9,000 reviews         46,000               37,000
    negations in 100 words of blame; of praise                1.8; 1.3             1.9; 1.4

Keras with Adam throughout; "denser in negations" and so on as the notebook has them.
"""

from functools import cache

import numpy as np

# --- Words. Within a list the first words are the most frequent. ---

# Words that judge: the first list of a pair is favorable, the second is not.
JUDGMENTS = {
    "adj": (
        "good great funny beautiful wonderful excellent perfect brilliant fantastic fresh clever moving amazing superb "
        "charming enjoyable touching solid strong delightful gripping entertaining believable sharp haunting warm "
        "stunning engaging original powerful witty convincing memorable hilarious impressive intelligent subtle "
        "thrilling magnificent refreshing flawless graceful captivating inspired tender riveting dazzling masterful "
        "heartfelt exquisite sublime rousing luminous poignant nuanced sparkling",
        "bad boring stupid awful terrible poor dull predictable ridiculous weak silly horrible annoying slow lame "
        "pathetic cheap bland painful tedious wooden pointless flat laughable dreadful lifeless clumsy shallow "
        "forgettable unwatchable tiresome messy contrived embarrassing confusing hollow stale amateurish unfunny "
        "sloppy pretentious insulting incoherent dreary forced irritating muddled lazy overlong atrocious abysmal "
        "grating turgid inept vapid plodding leaden insipid",
    ),
    "thing": (
        "a masterpiece|a classic|a joy|a gem|a treat|a triumph|a pleasure|a delight|a success|a work of art|a winner|"
        "a breath of fresh air|a little wonder|an instant favorite|a minor miracle|a tour de force|a revelation",
        "a mess|a waste of time|a disaster|a bore|a joke|a failure|an insult|a disappointment|a chore|a flop|a dud|"
        "a wreck|a train wreck|a cheap copy|an ordeal|a travesty|an embarrassment|a snooze",
    ),
    "verb": (
        "loved|enjoyed|liked|adored|admired|was moved by|treasured|was charmed by|was taken with|savored",
        "hated|disliked|regretted|was bored by|despised|suffered through|was annoyed by|"
        "couldn't stand|resented|loathed",
    ),
    "does": (
        "works|shines|surprises|delivers|soars|charms|pays off|holds up|impresses|sparkles|stays with you|rewards you",
        "fails|drags|falls flat|disappoints|annoys|collapses|bores|misfires|falls apart|stumbles|goes nowhere|grates",
    ),
    "better": (
        "better|funnier|smarter|richer|stronger|warmer|bolder|more alive|more convincing|more honest",
        "worse|weaker|duller|sillier|slower|cheaper|poorer|emptier|more confused|more tired",
    ),
    "idiom": (
        "a must see|highly recommended|i laughed and i cried|well worth your time|my favorite of the year|"
        "it left me smiling|among the best i've seen|i could watch it again|ten out of ten|what a lovely surprise|"
        "thank you for this one|it moved me to tears|i can't wait to see it again|hats off to everyone involved|"
        "it had me from the first minute",
        "nothing happens|there is no point to it|i couldn't care less|don't bother|what were they thinking|"
        "i wanted my money back|i didn't laugh once|it makes no sense|no ideas and no surprises|i couldn't finish it|"
        "two hours i won't get back|one out of ten|i nearly walked out|there's no excuse for it|"
        "even fans won't like it|i kept looking at my watch",
    ),
    "advice": ("see it|rent it|buy it|watch it|watch it twice", "skip it|avoid it|miss it|turn it off|stay away"),
}

NEUTRAL = {
    "aspect": "acting|plot|story|direction|music|script|dialogue|ending|camera work|pace|score|cast|humor|editing|"
    "opening|photography|lead performance|second half|soundtrack|first hour|romance|suspense|set design|narration|"
    "supporting cast|climax|character work|staging|lighting|sound|costume design|final act|premise|atmosphere",
    "film": "film|movie|picture|thing|feature|sequel|remake|production|adaptation|show",
    "genre": "comedy|horror film|thriller|western|drama|musical|romance|war film|documentary|cartoon|crime story|"
    "mystery|science fiction film|costume drama|ghost story|road movie|satire|slasher|heist film|monster movie",
    "very": "very|really|so|quite|truly|simply|just|rather|extremely|absolutely|surprisingly|utterly|remarkably",
    "is": "is|was|is|was|felt|seemed|feels|looks",
    "isn't": "isn't|wasn't|is not|was not|is never|was never|is hardly|was hardly|isn't really|wasn't exactly|"
    "is not at all|isn't ever|never once felt|is anything but|was far from|isn't what i'd call|is by no means",
    "others": "critics|my friends|most people|other reviewers|the papers|my parents|fans|some folks here|the posters",
    "called": "called|found|thought|declared|considered|judged",
    "filler": "honestly|to be fair|i must say|for what it's worth|as far as i can tell|in my opinion|on the whole|"
    "i think|i guess|frankly|then again|to my mind|if you ask me|after all this time|from start to finish",
    "role": "a detective|a widow|a young soldier|a nurse|an old farmer|a thief|a teacher|a lawyer|a good man|a drifter|"
    "a doctor|a bad cop|two brothers|a brilliant scientist|a reporter|a great warrior|a beautiful stranger|a sailor|"
    "a stupid clerk|a poor orphan|a wonderful cook|a lonely clockmaker|a funny uncle|a retired spy|a weak king|"
    "a perfect stranger|a terrible liar|a cheap crook|a clever student|a strong woman|a dull accountant",
    "goal": "find the truth|go home|save the farm|win the race|steal the map|hide the body|cross the border|"
    "keep a secret|bury the past|repair the engine|outrun the law|win a stupid bet|commit the perfect crime|"
    "pay a bad debt|stop a terrible plan|sell the house|reach the coast|open the vault|deliver the letter",
    "event": "a terrible storm|the great war|a horrible accident|a wedding|a flood|an awful secret|a good harvest|"
    "a murder|a train strike|a poor winter|a strange letter|a beautiful summer|a long drought|an election|"
    "a bad marriage|a fire|a slow recovery|a funny coincidence|a painful divorce|a fantastic discovery",
    "place": "town|village|city|island|school|hospital|castle|hotel|farm|prison|valley|harbor|station|forest|colony|"
    "planet|factory|monastery|casino|lighthouse|circus|desert|suburb|mansion|trench|theater",
    "time": "one night|years later|in the first scene|by the end|meanwhile|at first|soon|one morning|after the funeral|"
    "halfway through|before long|that same day|in a flashback|during the credits|an hour in",
    "way": "on dvd|on cable|late at night|in a small theater|on a plane|at a festival|last week|with my sister|"
    "as a kid|on an old tape|with a full house|over the holidays|by accident",
}  # fmt: skip

# Rare words: compounds, then names of places from syllables. They give the vocabulary its long tail.
FIRST = """moon storm glass iron river night stone salt wolf ember frost shadow silver thorn winter copper raven dust
bone candle mirror harbor marsh amber cinder hollow lantern oak paper rust signal tide velvet wind ash clock crow
fever ghost honey ink jade kettle mill needle oyster pepper quarry rope saddle timber under water yarn barley"""
SECOND = """keeper maker gate runner house walker road mark bridge hunter light song yard field watch born hand fall
ship guard wick well rider weaver stead cross hill point cutter tower path reader crown seller craft shore bearer
ridge lock works finder grove ward pit bell dock loom smith trap wright"""
ONSET = """ba bel bra ca cor da dra du el fen gar gol ha hel il ja jor ka kel kri la lun ma mer mor na nel o os pra qui
ra rho sa sel sha ta tel tor tra u ul va vel vor wen xa ya zan ze zor"""
MIDDLE = "ba da di do ga la le li lo ma mi mo na ni no ra re ri ro sa se ta ti to va vi zo"
CODA = """bar bek dal dan dor dra fell gard gon ka kar lan lia lis lor mar mir mon nar nax nesh nia nor phis ra ran ria
ris rok sk stra tan tar than tir ton tria vane var ven via wyn zar zel zia"""

# --- Sentences. {+adj} judges as the sentence does, {-adj} the other way round; only the order of words tells. ---

TEMPLATES = {
    "plot": (
        (0.45, 0.45),
        "the story is set in the {place} of {rare}",
        "{role} comes to the {rare} {place} to {goal}",
        "{time} {role} and {role} try to {goal}",
        "{time} we see the {rare} and {role} has to {goal}",
        "it begins with {event} near {rare}",
        "after {event} {role} leaves the {place} for {rare}",
        "i saw this {genre} {way}",
        "it's a {genre} about {role} who wants to {goal}",
        "they shot it in {rare} and in the {rare} {place}",
        "{role} finds the {rare} under the {place} and {time} has to {goal}",
        "{time} the {rare} is lost in {event}",
        "think of a {genre} with {role} and the {rare} in it",
        "it was made before the {genre} about {event}",
        "there is the {rare} then there is {event} and {role} who can't {goal}",
        "the {film} runs for two hours and most of it is about {event}",
        "{filler} it reminded me of the {rare} {genre} from {rare}",
        "the {place} scene comes {time} when {role} doesn't {goal}",
        "nobody in the {place} knows about {event} except {role}",
    ),
    "plain": (
        (0.44, 0.41),
        "the {aspect} {is} {very} {+adj}",
        "{filler} the {aspect} {is} {+adj}",
        "the {aspect} {is} {+adj} and the {aspect} {is} {+adj}",
        "it's {+a_adj} {genre}",
        "i {+verb} the {aspect}",
        "the {aspect} {+does}",
        "the {aspect} is {+thing}",
        "such {+a_adj} {film} with {very} {+adj} {aspect}",
        "{filler} this {film} {+does}",
    ),
    "idiom": (
        (0.08, 0.08),
        "{+idiom}",
        "{filler} {+idiom}",
    ),
    "negated": (
        (0.01, 0.04),
        "the {aspect} {isn't} {-adj}",
        "the {aspect} {isn't} {very} {-adj}",
        "{filler} the {aspect} {isn't} {-adj}",
        "i wouldn't call the {aspect} {-adj}",
        "there's nothing {-adj} about the {aspect}",
        "there is nothing i'd call {-adj} in this {film}",
        "not {-a_adj} {genre} at all",
        "this is hardly {-thing}",
        "it isn't {-adj} and it isn't {-thing}",
        "nobody could say that the {aspect} {is} {-adj}",
        "the {aspect} never {-does}",
        "at no point did i feel that it was {-adj}",
    ),
    "mixed": (
        (0.01, 0.01),
        "although the {aspect} {is} {-adj} the {film} is {+thing}",
        "the {aspect} {is} {-adj} but the {aspect} {is} {very} {+adj}",
        "even if the {aspect} {-does} the {film} {+does}",
        "{filler} it's {+adj} despite {-a_adj} {aspect}",
        "it could have been {-thing} but it's {+adj}",
        "it should have been {-adj} and yet it {+does}",
        "the {aspect} {is} {+adj} even though the {aspect} {isn't}",
    ),
    "reported": (
        (0.01, 0.01),
        "{others} {called} it {-adj} i don't",
        "{others} said it was {-thing} and they're wrong",
        "i expected {-thing} and got {+thing}",
        "{others} said the {aspect} {is} {-adj} but i disagree",
        "the original was {-adj} and this one is far {+better}",
        "compared to this {film} the last {genre} i saw was {-thing}",
        "it's {+better} than the {genre} it copies",
        "i was told to {-advice} and i'm glad i didn't listen",
    ),
}  # fmt: skip
VERDICTS = (
    "{filler} {+advice}",
    "{+advice} it's {+a_adj} {genre}",
    "a {film} i {+verb} from start to finish",
    "in the end i {+verb} it",
    "in short this {film} is {+thing}",
    "all in all {+a_adj} {film}",
    "{very} {+adj} and {+thing}",
    "still i can't say i {-verb} it",
    "so don't {-advice}",
    "in the end it {isn't} {-adj}",
    "for all that i can't call it {-thing}",
    "so whatever {others} say {+advice}",
    "the {aspect} may be {-adj} but {+advice}",
)

# --- How much of what, set so that models score as on the real set. ---

MEDIAN_WORDS, SPREAD_OF_WORDS, WORDS_PER_SENTENCE = 195, 0.66, 9.5  # log-normal
LEANING = (5.6, 1.7)  # beta: the share of a review's sentences that agree with its label
VERDICT_SHARE = 0.8  # of the reviews end in a verdict,
VERDICT_AGREES = 0.93  # most of which agree with the label
SKEW = 2.1  # of word frequencies within a list: 1 is uniform
SKEW_OF_RARE = 1.3


def write_reviews(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Write n movie reviews: lower case words between single spaces, no punctuation, apostrophes kept.

    Returns:
        texts: object array of str, shape (n,).
        labels: int64, shape (n,), 0 negative and 1 positive, balanced (to one) and shuffled.

    Raises:
        ValueError: if `n` is less than 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1 review, got {n}.")
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 2)
    words = rng.lognormal(np.log(MEDIAN_WORDS), SPREAD_OF_WORDS, n)
    counts = np.maximum(3, np.round(words / WORDS_PER_SENTENCE)).astype(int)
    ends = np.cumsum(counts)

    agreement = rng.beta(*LEANING, n)
    favorable_share = np.where(labels == 1, agreement, 1 - agreement)
    favorable = rng.random(ends[-1]) < np.repeat(favorable_share, counts)
    choices = [rng.choice(len(ALL_TEMPLATES), ends[-1], p=shares) for shares in TEMPLATE_SHARES]
    template = np.where(favorable, *choices)
    last = ends[rng.random(n) < VERDICT_SHARE] - 1
    label_of_last = np.repeat(labels, counts)[last] == 1
    favorable[last] = label_of_last == (rng.random(len(last)) < VERDICT_AGREES)
    template[last] = rng.integers(len(ALL_TEMPLATES), len(ALL_TEMPLATES) + len(VERDICTS), len(last))

    sentences = _write_sentences(rng, template, favorable)
    texts = np.empty(n, dtype=object)
    texts[:] = [" ".join(sentences[end - count : end]) for end, count in zip(ends, counts, strict=True)]
    return texts, labels


def _write_sentences(rng: np.random.Generator, template: np.ndarray, favorable: np.ndarray) -> np.ndarray:
    """One sentence for each template index, all sentences of a kind at once: filling slots one by one is slow."""
    sentences = np.empty(len(template), dtype=object)
    for index, pattern in enumerate((*ALL_TEMPLATES, *VERDICTS)):
        for is_favorable in (False, True):
            rows = np.flatnonzero((template == index) & (favorable == is_favorable))
            columns = [_fill(rng, part, is_favorable, len(rows)) for part in _split(pattern)]
            sentences[rows] = [" ".join(row) for row in zip(*columns, strict=True)]
    return sentences


def _split(pattern: str) -> list[str]:
    """A template as its literal parts and its slots: "{aspect}" or "is very"."""
    return [part.strip() for part in pattern.replace("{", "|{").replace("}", "}|").split("|") if part.strip()]


def _fill(rng: np.random.Generator, part: str, is_favorable: bool, count: int) -> list[str]:
    if not part.startswith("{"):
        return [part] * count
    slot = part[1:-1]
    if slot == "rare":
        options, skew = _rare_words(), SKEW_OF_RARE
    elif slot[0] in "+-":
        options, skew = JUDGMENT_OPTIONS[slot[1:]][is_favorable == (slot[0] == "-")], SKEW
    else:
        options, skew = OPTIONS[slot], SKEW
    return options[(len(options) * rng.random(count) ** skew).astype(int)].tolist()


def _with_article(adjectives: list[str]) -> list[str]:
    return [("an " if word[0] in "aeiou" else "a ") + word for word in adjectives]


@cache
def _rare_words() -> np.ndarray:
    rng = np.random.default_rng(0)
    compounds = rng.permutation([a + b for a in FIRST.split() for b in SECOND.split()])
    names = rng.permutation(sorted({a + b + c for a in ONSET.split() for b in MIDDLE.split() for c in CODA.split()}))
    return _option_array([*compounds.tolist(), *names.tolist()])


def _option_array(options: list[str]) -> np.ndarray:
    return np.array(options, dtype=object)


ALL_TEMPLATES = [text for _, *texts in TEMPLATES.values() for text in texts]
TEMPLATE_SHARES = [
    [shares[side] / len(texts) for shares, *texts in TEMPLATES.values() for _ in texts] for side in (0, 1)
]
OPTIONS = {slot: _option_array(words.split("|")) for slot, words in NEUTRAL.items()}
JUDGMENT_OPTIONS = {
    slot: [_option_array(side.split() if slot == "adj" else side.split("|")) for side in sides]
    for slot, sides in JUDGMENTS.items()
}
JUDGMENT_OPTIONS["a_adj"] = [_option_array(_with_article(side.tolist())) for side in JUDGMENT_OPTIONS["adj"]]
