package org.loft4j.data;

import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The beginning and the end of a text by tokenizer_config.json ({@code add_bos_token}, {@code add_eos_token}), which may so overrule
 * tokenizer.json, as it does in Transformers. What already stands there is not doubled.
 *
 * @param bos the beginning, if there is one
 * @param addBos whether it stands before a text; empty where tokenizer.json alone says it
 * @param eos the end, if there is one
 * @param addEos the same of the end behind a text
 */
record EdgeTokens(OptionalLong bos, Optional<Boolean> addBos, OptionalLong eos, Optional<Boolean> addEos) {
    static EdgeTokens of(SpecialTokens special) {
        return new EdgeTokens(special.bos(), special.addBos(), special.eos(), special.addEos());
    }

    /** A text as tokenizer.json has it, with what is around it as configured. */
    TokenizedText on(TokenizedText text) {
        int[] head = edge(text.head(), bos, addBos, true);
        int[] tail = edge(text.tail(), eos, addEos, false);
        if (head.length == text.leading() && tail.length == text.trailing()) {
            return text;
        }
        int[] ids = Stream.of(head, text.content(), tail)
                .flatMapToInt(Arrays::stream)
                .toArray();
        return new TokenizedText(ids, head.length, tail.length);
    }

    /** The same around and between the two texts of a pair. */
    @Nullable
    PairTemplate on(@Nullable PairTemplate pair) {
        if (pair == null) {
            return null;
        }
        int[] ended = edge(pair.middle(), eos, addEos, true);
        int[] middle = edge(ended, bos, addBos, false);
        boolean typed = pair.secondFrom() >= 0;
        return new PairTemplate(
                edge(pair.head(), bos, addBos, true),
                middle,
                edge(pair.tail(), eos, addEos, false),
                typed
                        ? Math.min(middle.length, pair.secondFrom() + (ended.length > pair.middle().length ? 1 : 0))
                        : -1);
    }

    private static int[] edge(int[] found, OptionalLong token, Optional<Boolean> wanted, boolean first) {
        if (token.isEmpty() || wanted.isEmpty()) {
            return found;
        }
        int id = Math.toIntExact(token.getAsLong());
        boolean there = Arrays.stream(found).anyMatch(other -> other == id);
        if (there && !wanted.get()) {
            return Arrays.stream(found).filter(other -> other != id).toArray();
        } else if (!there && wanted.get()) {
            IntStream all = IntStream.of(found);
            return (first ? IntStream.concat(IntStream.of(id), all) : IntStream.concat(all, IntStream.of(id)))
                    .toArray();
        }
        return found;
    }
}
