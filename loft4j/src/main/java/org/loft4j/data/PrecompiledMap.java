package org.loft4j.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;
import java.util.Deque;

/**
 * SentencePiece's map of characters to normal ones: the size of a double-array trie (Darts), the trie, and the texts that its leaves
 * point into. Native code follows the trie without looking where it leads.
 */
final class PrecompiledMap {
    private static final int LARGEST = 16 << 20;

    private final int[] units;
    private final byte[] texts;

    private PrecompiledMap(int[] units, byte[] texts) {
        this.units = units;
        this.texts = texts;
    }

    /** Whether no text leads outside of the map. */
    static boolean isSound(JsonNode node) {
        if (!node.isTextual() || node.textValue().length() > LARGEST) {
            return false;
        }
        byte[] bytes;
        try {
            bytes = Base64.getDecoder().decode(node.textValue());
        } catch (IllegalArgumentException e) {
            return false;
        }
        if (!Base64.getEncoder().encodeToString(bytes).equals(node.textValue())) {
            // native code wants the padding, and no bits beside the bytes
            return false;
        }
        ByteBuffer all = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        long size = bytes.length < Integer.BYTES ? 0 : Integer.toUnsignedLong(all.getInt());
        if (size < Integer.BYTES || size % Integer.BYTES != 0 || size > all.remaining()) {
            return false;
        }
        int[] units = new int[(int) size / Integer.BYTES];
        all.asIntBuffer().get(units);
        byte[] texts = new byte[all.remaining() - (int) size];
        all.position(all.position() + (int) size).get(texts);
        return new PrecompiledMap(units, texts).leadsNowhereElse();
    }

    private boolean leadsNowhereElse() {
        try {
            CharBuffer ignored = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(texts));
            return ignored.length() <= texts.length && everyStepStaysInside();
        } catch (CharacterCodingException e) {
            return false;
        }
    }

    /** From each node that can be reached, one step by each byte of a text. */
    private boolean everyStepStaysInside() {
        BitSet seen = new BitSet(units.length);
        Deque<Integer> next = new ArrayDeque<>();
        int root = offset(units[0]);
        seen.set(0);
        next.push(root);
        while (!next.isEmpty()) {
            int node = next.pop();
            for (int c = 1; c < 256; c++) {
                int step = node ^ c;
                if (step < 0 || step >= units.length) {
                    return false;
                }
                int unit = units[step];
                if ((unit & 0x800000ff) != c || seen.get(step)) {
                    continue;
                }
                seen.set(step);
                int child = step ^ offset(unit);
                if ((unit >>> 8 & 1) == 1 && !isLeaf(child)) {
                    return false;
                }
                next.push(child);
            }
        }
        return true;
    }

    /** A leaf tells where its text begins, which must be where a character does. */
    private boolean isLeaf(int node) {
        if (node < 0 || node >= units.length) {
            return false;
        }
        int start = units[node] & 0x7fffffff;
        return start < texts.length && (texts[start] & 0xc0) != 0x80;
    }

    private static int offset(int unit) {
        return (unit >>> 10) << ((unit & 1 << 9) >>> 6);
    }
}
