"""English words that make a question of what is asked for, and are no part of it.

STOP_WORDS      # "how", "do", "i", "get", ...

Function words (articles, pronouns, prepositions, auxiliaries, conjunctions), question words, politeness, and verbs and
nouns so general that a document need not have them ("get", "want", "thing").
"""

STOP_WORDS = frozenset(
    """
    a an the this that these those it its they them their there here he she his her him i i'm i'd i've i'll me my mine
    we we're our us you you're your yours one ones
    am is are was were be been being isn't aren't wasn't do does did done doing don't doesn't didn't have has had having
    haven't can could can't cannot couldn't will would won't wouldn't shall should may might must
    and or but if so then than as at by for from in into of off on onto out over to up with without about after before
    between during through till until under per via within
    not no nor yes too also just only even still yet ever again already any some all each every either much many more
    most other another same such very really quite right
    what what's which who whom whose when where where's why how how's long often soon far
    please hello hi hey okay ok thanks thank well oh um uh
    get gets getting got give gives go goes going went come comes came let lets make makes made put take takes taken
    took want wants wanted need needs needed like likes know knows tell tells say says said ask asked see think mean
    means happen happens happened happening help find have use used try tried work works look looks wondering wonder
    thing things something anything everything somebody someone anyone people way ways kind sort lot bit
    possible able allowed supposed
    """.split()
)
