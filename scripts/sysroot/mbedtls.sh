# SPDX-License-Identifier: GPL-2.0-or-later
# mbed TLS: TLS 1.2 for NBD, with certificates or shared keys. Its own list of
# features, of which all but AEAD ciphers and exchanges with forward secrecy
# are left out; random numbers are the caller's, and so is GCM (block/nbd/tls_gcm.c).
package=mbedtls

features="HAVE_ASM HAVE_TIME HAVE_TIME_DATE FS_IO PLATFORM_C AESNI_C AES_C ASN1_PARSE_C ASN1_WRITE_C BASE64_C
BIGNUM_C CHACHA20_C CHACHAPOLY_C CIPHER_C CIPHER_MODE_CBC CIPHER_PADDING_PKCS7 DHM_C ECDH_C ECDSA_C ECP_C GCM_C
ECP_DP_SECP256R1_ENABLED ECP_DP_SECP384R1_ENABLED ECP_DP_SECP521R1_ENABLED ECP_DP_CURVE25519_ENABLED ECP_NIST_OPTIM
ECDSA_DETERMINISTIC HMAC_DRBG_C KEY_EXCHANGE_PSK_ENABLED KEY_EXCHANGE_DHE_PSK_ENABLED KEY_EXCHANGE_ECDHE_PSK_ENABLED
KEY_EXCHANGE_DHE_RSA_ENABLED KEY_EXCHANGE_ECDHE_RSA_ENABLED KEY_EXCHANGE_ECDHE_ECDSA_ENABLED PKCS1_V15 PKCS1_V21
MD_C MD5_C OID_C PEM_PARSE_C PK_C PK_PARSE_C PK_PARSE_EC_EXTENDED PKCS5_C PKCS12_C POLY1305_C RSA_C SHA1_C SHA256_C
SHA512_C SSL_CLI_C SSL_SRV_C SSL_TLS_C SSL_PROTO_TLS1_2 SSL_ALL_ALERT_MESSAGES SSL_ENCRYPT_THEN_MAC
SSL_EXTENDED_MASTER_SECRET SSL_KEEP_PEER_CERTIFICATE SSL_SERVER_NAME_INDICATION SSL_MAX_FRAGMENT_LENGTH
X509_USE_C X509_CRT_PARSE_C X509_CRL_PARSE_C X509_CHECK_KEY_USAGE X509_CHECK_EXTENDED_KEY_USAGE
X509_RSASSA_PSS_SUPPORT GCM_ALT"

build() {
	{
		for f in $features; do echo "#define MBEDTLS_$f"; done
		echo '#include "mbedtls/check_config.h"'
	} >include/mbedtls/config.h
	echo 'typedef struct mbedtls_gcm_context { void *own; } mbedtls_gcm_context;' >include/mbedtls/gcm_alt.h
	make -C library CC="$CC" AR="$AR" CFLAGS="$CFLAGS $CPPFLAGS" static
	cp library/libmbedtls.a library/libmbedx509.a library/libmbedcrypto.a "$prefix/lib/"
	cp -r include/mbedtls "$prefix/include/"
}
