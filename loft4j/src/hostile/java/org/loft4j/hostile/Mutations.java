package org.loft4j.hostile;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Damage to the bytes of a file: from a single bit to a hundred thousand brackets. */
public final class Mutations {
    private static final int LONGEST = 1 << 20;
    private static final Pattern NUMBER = Pattern.compile("-?\\d+(\\.\\d+)?([eE][-+]?\\d+)?");
    private static final Pattern WORD = Pattern.compile("\"[^\"\\n]{0,60}\"|[\\w.]+|[^\\w\\s]");
    private static final List<String> NUMBERS = List.of(
            "0",
            "-1",
            "1",
            "2",
            "3",
            "7",
            "64",
            "127",
            "128",
            "255",
            "256",
            "65535",
            "65536",
            "1000000",
            "2147483647",
            "2147483648",
            "-2147483648",
            "4294967295",
            "4294967296",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "18446744073709551615",
            "1e3",
            "0.5",
            "-0.0",
            "1e-320",
            "1e308",
            "1e309",
            "1e999999999",
            "NaN",
            "Infinity",
            "9".repeat(300),
            "9".repeat(3000));
    private static final List<String> OPENINGS =
            List.of("[", "{\"a\":", "(", "{", "[[", "{%if 1%}", "- ", "? ", "{{", "not ", "-", "\"", "<", "&a [*a,");
    private static final List<byte[]> NOT_UTF8 = List.of(
            bytes(0xC0, 0x80),
            bytes(0xFF),
            bytes(0xED, 0xA0, 0x80),
            bytes(0xF4, 0x90, 0x80, 0x80),
            bytes(0x80),
            bytes(0xE2, 0x82),
            bytes(0xFF, 0xFE),
            bytes(0),
            bytes(0xEF, 0xBB, 0xBF));

    private final SplittableRandom random;
    private final List<String> words;

    /** @param words of the format, as they may stand in a file of text */
    public Mutations(SplittableRandom random, List<String> words) {
        this.random = random;
        this.words = words;
    }

    /** Chance for those who damage in a way of their own. */
    public SplittableRandom random() {
        return random;
    }

    /** One to three changes, one as a rule. */
    public byte[] of(byte[] good) {
        byte[] bytes = good.clone();
        for (int changes = Math.max(1, random.nextInt(6) - 2); changes > 0; changes--) {
            bytes = change(bytes);
        }
        return bytes;
    }

    private byte[] change(byte[] bytes) {
        int length = bytes.length;
        int at = random.nextInt(length + 1);
        int end = Math.min(length, at + 1 + random.nextInt(1 + Math.min(length, 1 << random.nextInt(12))));
        return switch (random.nextInt(20)) {
            case 0 -> flipped(bytes, 1 + random.nextInt(8));
            case 1 -> spliced(bytes, at, Math.min(length, at + 1), bytes(random.nextInt(256)));
            case 2 -> Arrays.copyOf(bytes, at);
            case 3 -> Arrays.copyOf(bytes, length + random.nextInt(100));
            case 4 -> spliced(bytes, at, end, new byte[0]);
            case 5 -> repeated(bytes, at, end);
            case 6 -> swapped(bytes, at, end);
            case 7, 8 -> extreme(bytes, at);
            case 9 -> spliced(bytes, at, at, NOT_UTF8.get(random.nextInt(NOT_UTF8.size())));
            case 10 -> spliced(bytes, at, at, text(pick(OPENINGS).repeat(1 << random.nextInt(15))));
            case 11 -> spliced(bytes, at, at, text(letters().repeat(1 << random.nextInt(16))));
            case 12, 13, 14 -> replaced(bytes, NUMBER, pick(NUMBERS));
            case 15, 16 -> replaced(bytes, WORD, words.isEmpty() ? pick(NUMBERS) : pick(words));
            case 17 -> replaced(bytes, WORD, another(bytes));
            default -> spliced(bytes, at, end, text(words.isEmpty() ? pick(NUMBERS) : pick(words)));
        };
    }

    /** Bytes {@code [start, end)} give way to others; no file grows beyond a mebibyte by this. */
    public static byte[] spliced(byte[] bytes, int start, int end, byte[] middle) {
        if (bytes.length - end + start + middle.length > Math.max(LONGEST, bytes.length)) {
            return bytes;
        }
        byte[] result = Arrays.copyOf(bytes, bytes.length - (end - start) + middle.length);
        System.arraycopy(middle, 0, result, start, middle.length);
        System.arraycopy(bytes, end, result, start + middle.length, bytes.length - end);
        return result;
    }

    private byte[] flipped(byte[] bytes, int bits) {
        for (int i = 0; i < bits && bytes.length > 0; i++) {
            bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return bytes;
    }

    private byte[] repeated(byte[] bytes, int at, int end) {
        byte[] chunk = Arrays.copyOfRange(bytes, at, end);
        int times = 1 << random.nextInt(12);
        while ((long) times * chunk.length > LONGEST / 2) {
            times /= 2;
        }
        byte[] all = new byte[chunk.length * times];
        for (int i = 0; i < times; i++) {
            System.arraycopy(chunk, 0, all, i * chunk.length, chunk.length);
        }
        return spliced(bytes, at, at, all);
    }

    private byte[] swapped(byte[] bytes, int at, int end) {
        byte[] chunk = Arrays.copyOfRange(bytes, at, end);
        byte[] without = spliced(bytes, at, end, new byte[0]);
        int to = random.nextInt(without.length + 1);
        return spliced(without, to, to, chunk);
    }

    /** A number of a binary header becomes the least, the greatest, or one beside them. */
    private byte[] extreme(byte[] bytes, int at) {
        int width = 1 << random.nextInt(4);
        int place = random.nextBoolean() ? at : random.nextInt(Math.min(bytes.length, 64) + 1);
        if (place + width > bytes.length) {
            return bytes;
        }
        long value = new long[] {0, 1, -1, Long.MAX_VALUE, Long.MIN_VALUE, 1L << random.nextInt(63)}[random.nextInt(6)]
                + random.nextInt(2);
        ByteBuffer whole = ByteBuffer.allocate(Long.BYTES)
                .order(random.nextBoolean() ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN)
                .putLong(value);
        int from = random.nextBoolean() ? 0 : Long.BYTES - width;
        System.arraycopy(whole.array(), from, bytes, place, width);
        return bytes;
    }

    private byte[] replaced(byte[] bytes, Pattern pattern, String by) {
        MatchResult found = any(bytes, pattern);
        return found == null ? bytes : spliced(bytes, found.start(), found.end(), text(by));
    }

    private String another(byte[] bytes) {
        MatchResult found = any(bytes, WORD);
        return found == null ? "" : found.group();
    }

    /** One place that the pattern fits, behind a random one. */
    private MatchResult any(byte[] bytes, Pattern pattern) {
        String all = new String(bytes, StandardCharsets.ISO_8859_1);
        var matcher = pattern.matcher(all);
        return matcher.find(random.nextInt(all.length() + 1)) || matcher.find(0) ? matcher.toMatchResult() : null;
    }

    private String letters() {
        return List.of("a", "é", " ", "\n", "ab,", "0", "a{{ 1 }}", "\\u0000", "𝕬", "\"", "1_").get(random.nextInt(11));
    }

    private String pick(List<String> some) {
        return some.get(random.nextInt(some.size()));
    }

    /** UTF-8. */
    public static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }
}
