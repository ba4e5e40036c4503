// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AES-GCM for mbed TLS (its MBEDTLS_GCM_ALT) by nettle, whose code for AES-NI
 * and PCLMULQDQ takes many blocks at a time: ten times as fast as mbed TLS's own.
 */
#include <stdlib.h>
#include <string.h>
#include <mbedtls/cipher.h>
#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>
#include <nettle/gcm.h>
#include "types.h"

struct gcm {
	unsigned int keybits;
	int mode;		/* MBEDTLS_GCM_ENCRYPT or _DECRYPT, of a running message */
	union {
		struct gcm_aes128_ctx a128;
		struct gcm_aes256_ctx a256;
	};
};

void mbedtls_gcm_init(mbedtls_gcm_context *ctx)
{
	ctx->own = NULL;
}

void mbedtls_gcm_free(mbedtls_gcm_context *ctx)
{
	if (!ctx || !ctx->own)
		return;
	mbedtls_platform_zeroize(ctx->own, sizeof(struct gcm));
	free(ctx->own);
	ctx->own = NULL;
}

int mbedtls_gcm_setkey(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher, const unsigned char *key,
		       unsigned int keybits)
{
	struct gcm *g = ctx->own;

	if (cipher != MBEDTLS_CIPHER_ID_AES || (keybits != 128 && keybits != 256))
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	if (!g)
		g = ctx->own = calloc(1, sizeof(*g));
	if (!g)
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	g->keybits = keybits;
	if (keybits == 128)
		gcm_aes128_set_key(&g->a128, key);
	else
		gcm_aes256_set_key(&g->a256, key);
	return 0;
}

int mbedtls_gcm_starts(mbedtls_gcm_context *ctx, int mode, const unsigned char *iv, size_t iv_len,
		       const unsigned char *add, size_t add_len)
{
	struct gcm *g = ctx->own;

	if (!g || !iv_len)
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	g->mode = mode;
	if (g->keybits == 128) {
		gcm_aes128_set_iv(&g->a128, iv_len, iv);
		gcm_aes128_update(&g->a128, add_len, add);
	} else {
		gcm_aes256_set_iv(&g->a256, iv_len, iv);
		gcm_aes256_update(&g->a256, add_len, add);
	}
	return 0;
}

/* All but the last call of a message have whole blocks. */
int mbedtls_gcm_update(mbedtls_gcm_context *ctx, size_t len, const unsigned char *in, unsigned char *out)
{
	struct gcm *g = ctx->own;
	bool seal = g && g->mode == MBEDTLS_GCM_ENCRYPT;

	if (!g)
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	if (g->keybits == 128)
		(seal ? gcm_aes128_encrypt : gcm_aes128_decrypt)(&g->a128, len, out, in);
	else
		(seal ? gcm_aes256_encrypt : gcm_aes256_decrypt)(&g->a256, len, out, in);
	return 0;
}

int mbedtls_gcm_finish(mbedtls_gcm_context *ctx, unsigned char *tag, size_t tag_len)
{
	struct gcm *g = ctx->own;

	if (!g || tag_len > GCM_DIGEST_SIZE || tag_len < 4)
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	if (g->keybits == 128)
		gcm_aes128_digest(&g->a128, tag_len, tag);
	else
		gcm_aes256_digest(&g->a256, tag_len, tag);
	return 0;
}

int mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length, const unsigned char *iv,
			      size_t iv_len, const unsigned char *add, size_t add_len,
			      const unsigned char *input, unsigned char *output, size_t tag_len,
			      unsigned char *tag)
{
	int ret = mbedtls_gcm_starts(ctx, mode, iv, iv_len, add, add_len);

	if (!ret)
		ret = mbedtls_gcm_update(ctx, length, input, output);
	return ret ? ret : mbedtls_gcm_finish(ctx, tag, tag_len);
}

int mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *ctx, size_t length, const unsigned char *iv,
			     size_t iv_len, const unsigned char *add, size_t add_len,
			     const unsigned char *tag, size_t tag_len, const unsigned char *input,
			     unsigned char *output)
{
	unsigned char own[GCM_DIGEST_SIZE];
	int ret = mbedtls_gcm_crypt_and_tag(ctx, MBEDTLS_GCM_DECRYPT, length, iv, iv_len, add, add_len,
					    input, output, tag_len, own), diff = 0;

	if (ret)
		return ret;
	/* In constant time. */
	for (size_t i = 0; i < tag_len; i++)
		diff |= own[i] ^ tag[i];
	if (!diff)
		return 0;
	mbedtls_platform_zeroize(output, length);
	return MBEDTLS_ERR_GCM_AUTH_FAILED;
}
