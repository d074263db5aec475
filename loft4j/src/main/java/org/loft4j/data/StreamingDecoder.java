package org.loft4j.data;

import java.util.Arrays;

/**
 * The text of ids that arrive one by one. An id alone does not decode to its text: a leading blank would be lost, and a character
 * may lie across several ids. So the last few are decoded together, and what is new is given out once it is complete.
 */
public final class StreamingDecoder {
    private final Tokenizer tokenizer;
    private long[] ids;
    private int size;
    // the text of ids[0, given) has been given out; ids[from, given) are the context in which the next are decoded, and
    // begin where a
    // text was complete: bytes from the middle of a character would spoil those behind them
    private int from;
    private int given;

    /** Goes on after some ids, such as those of a prompt, whose text is not given out. */
    public StreamingDecoder(Tokenizer tokenizer, long[] before) {
        this.tokenizer = tokenizer;
        this.ids = Arrays.copyOf(before, before.length + 64);
        this.size = before.length;
        this.given = size;
    }

    private StreamingDecoder(StreamingDecoder other) {
        this.tokenizer = other.tokenizer;
        this.ids = other.ids.clone();
        this.size = other.size;
        this.from = other.from;
        this.given = other.given;
    }

    /** Another one in the same state. */
    public StreamingDecoder copy() {
        return new StreamingDecoder(this);
    }

    /** Adds an id and returns the text that it completes; empty if it completes none. */
    public String add(long id) {
        if (size == ids.length) {
            ids = Arrays.copyOf(ids, 2 * size);
        }
        ids[size++] = id;
        String text = text(size);
        if (text.endsWith("\uFFFD")) {
            return "";
        }
        return giveOut(text);
    }

    /** Returns what is left at the end: the pieces of a character that never became whole, as U+FFFD. */
    public String finish() {
        return giveOut(text(size));
    }

    private String giveOut(String text) {
        int known = text(given).length();
        if (text.length() <= known) {
            return "";
        }
        from = given;
        given = size;
        return text.substring(known);
    }

    private String text(int to) {
        return tokenizer.decode(Arrays.copyOfRange(ids, from, to), true);
    }
}
