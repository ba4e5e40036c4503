/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sessions and credentials share; with mbed TLS's types. */
#ifndef BLOCK_NBD_TLS_PRIV_H
#define BLOCK_NBD_TLS_PRIV_H

#include <pthread.h>
#include <mbedtls/dhm.h>
#include <mbedtls/ssl.h>
#include "types.h"

#define TLS_MAX_IDENTITY 512

/* One of keys.psk. */
struct tls_psk {
	char *user;
	u8 key[MBEDTLS_PSK_MAX_LEN];
	size_t len;
	struct tls_psk *next;
};

struct nbd_tls_creds {
	bool server, psk, verify;
	/*
	 * Held for each step of a handshake: the library changes keys and curves that
	 * sessions share, and the callback for keys must know whose turn it is.
	 */
	pthread_mutex_t lock;
	char *identity;			/* of the peer whose step it is: TLS_MAX_IDENTITY bytes */
	mbedtls_ssl_config conf;
	mbedtls_x509_crt ca, cert;
	mbedtls_x509_crl crl;
	mbedtls_pk_context key;
	mbedtls_dhm_context dh;
	struct tls_psk *keys;
};

#endif
