package org.loft4j.data;

import java.util.Collection;
import java.util.List;
import org.loft4j.DataException;

/** Words with a tag each. */
final class TagRows {
    /** Names that data sets have for the tags of words. */
    private static final List<String> TAGS = List.of("tags", "ner_tags", "pos_tags", "labels");

    private TagRows() {}

    /** Which columns the rows of a file have. */
    static RowKind kind(Columns asked, Collection<String> present, String where, Origin origin) throws DataException {
        String usual = TAGS.stream().filter(present::contains).findFirst().orElse("tags");
        return new RowKind.Tagged(
                RowKind.named("tokens", "", present, where, origin),
                asked.answers()
                        ? RowKind.named(RowKind.or(asked.label(), usual), "label", present, where, origin)
                        : null);
    }
}
