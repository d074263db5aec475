package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which files mix the names of a base model alone with those of a head. */
class BareNamesTest {
    @ParameterizedTest
    @CsvSource({
        "bert, embeddings.word_embeddings.weight, classifier.weight, embeddings.word_embeddings.weight",
        "bert, bert.embeddings.word_embeddings.weight, classifier.weight, ",
        "gpt_neo, wte.weight, lm_head.weight, wte.weight",
        "gpt_neo, wte.weight, h.0.ln_1.weight, ",
        "gpt_neox, embed_in.weight, embed_out.weight, embed_in.weight",
        "opt, decoder.embed_tokens.weight, score.weight, decoder.embed_tokens.weight",
        "opt, model.decoder.embed_tokens.weight, score.weight, ",
        "t5, decoder.embed_tokens.weight, lm_head.weight, "
    })
    void aHeadBesideThemIsNamed(String family, String one, String other, String bare) {
        assertEquals(
                bare == null
                        ? null
                        : bare + " is named as in a base model's own file, and " + other + " lies beside it: ",
                BareNames.besideHead(new TreeSet<>(Set.of(one, other)), family));
    }
}
