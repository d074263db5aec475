package org.loft4j.data;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows that ask what another row has asked already.
 *
 * @param same those with the same answer: exact duplicates
 * @param other those with another answer
 */
public record Repetitions(List<Pair> same, List<Pair> other) {
    /**
     * A row and the one that it repeats.
     *
     * @param row the later one
     * @param first the one before
     */
    public record Pair(Origin row, Origin first) {}

    public Repetitions {
        same = List.copyOf(same);
        other = List.copyOf(other);
    }

    /** Held-out rows that are among the training rows: what is judged by them has been learnt. */
    public static Repetitions across(List<? extends Row> training, List<? extends Row> heldOut) {
        Search search = new Search();
        training.forEach(search::add);
        Search among = search.ofHeldOut();
        heldOut.forEach(among::add);
        return among.found();
    }

    /**
     * Looks for repetitions in rows that come one after the other and need not fit into memory: it keeps 128 bits of the SHA-256 of
     * what each asks, as many of what it says in all, and where it is.
     */
    public static final class Search {
        private final OriginsByHash questions;
        private final OriginsByHash wholes;
        private final boolean remembers;
        private final MessageDigest sha256 = sha256();
        private final List<Pair> same = new ArrayList<>();
        private final List<Pair> other = new ArrayList<>();

        /** Looks for rows that repeat a row before them. */
        public Search() {
            this(new OriginsByHash(), new OriginsByHash(), true);
        }

        private Search(OriginsByHash questions, OriginsByHash wholes, boolean remembers) {
            this.questions = questions;
            this.wholes = wholes;
            this.remembers = remembers;
        }

        /** Looks for held-out rows that repeat one of the training rows which this has seen. */
        public Search ofHeldOut() {
            return new Search(questions, wholes, false);
        }

        /** Takes the next row. */
        public void add(Row row) {
            byte[] question = hash(new byte[0], RowText.identity(row));
            byte[] whole = hash(question, RowText.answer(row));
            Origin first = questions.get(question);
            if (first != null) {
                Origin twin = wholes.get(whole);
                (twin == null ? other : same).add(new Pair(row.origin(), twin == null ? first : twin));
            }
            if (remembers) {
                questions.putIfAbsent(question, row.origin());
                wholes.putIfAbsent(whole, row.origin());
            }
        }

        /** What was found so far. */
        public Repetitions found() {
            return new Repetitions(same, other);
        }

        private byte[] hash(byte[] before, String text) {
            sha256.update(before);
            // in UTF-16: UTF-8 has no half of a surrogate pair, which a row that a program made may hold
            ByteBuffer characters = ByteBuffer.allocate(Character.BYTES * text.length());
            characters.asCharBuffer().put(text);
            return sha256.digest(characters.array());
        }

        private static MessageDigest sha256() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new AssertionError("every Java platform has SHA-256", e);
            }
        }
    }
}
