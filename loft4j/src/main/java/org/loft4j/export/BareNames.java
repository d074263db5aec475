package org.loft4j.export;

import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Names of tensors in files of base models alone, which lack the base model's own. */
final class BareNames {
    private static final Pattern BARE = Pattern.compile("(embeddings|embed_tokens|embed_in|wte)\\..+");

    /** To a family with an encoder too this name is whole. */
    private static final Pattern OF_OPT = Pattern.compile("decoder\\.embed_tokens\\..+");

    private static final Pattern HEAD = Pattern.compile("(classifier|pre_classifier|score|lm_head|embed_out)\\..+");

    private BareNames() {}

    /** The beginning of a complaint where such a name lies beside a head; null where none does. */
    static @Nullable String besideHead(Set<String> names, String family) {
        String bare = first(names, family.equals("opt") ? OF_OPT : BARE);
        String head = first(names, HEAD);
        return bare == null || head == null
                ? null
                : bare + " is named as in a base model's own file, and " + head + " lies beside it: ";
    }

    private static @Nullable String first(Set<String> names, Pattern pattern) {
        return names.stream()
                .filter(name -> pattern.matcher(name).matches())
                .findFirst()
                .orElse(null);
    }
}
