"""Websites to work on: how systems and hands mark up a logo, and what stands beside it to be mistaken for it."""

import json

from tests.websites import drawn, parts
from tests.websites.drawn import (
    BLUE,
    GREEN,
    GREY,
    RED,
    WHITE,
    banner,
    data_png,
    data_svg,
    dot,
    icon,
    logo,
    logo_svg,
    photo,
    portrait,
)  # fmt: skip
from tests.websites.making import common, document, website
from tests.websites.model import Website

UPLOADS = "/wp-content/uploads/2023/05"


def ld(data: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(data, ensure_ascii=False)}</script>'


def wordpress() -> list[Website]:
    return [
        website(
            "WordPress custom logo with sizes", "www.kanzlei-berger.example", "Kanzlei Berger",
            f'<header id="masthead" class="site-header"><div class="site-branding"><a href="/" class="custom-logo-link" rel="home" aria-current="page">'
            f'<img width="300" height="80" src="{UPLOADS}/berger-300x80.png" class="custom-logo" alt="Kanzlei Berger" decoding="async"'
            f' srcset="{UPLOADS}/berger.png 600w, {UPLOADS}/berger-300x80.png 300w" sizes="(max-width: 300px) 100vw, 300px"></a>'
            f'<p class="site-title screen-reader-text">Kanzlei Berger</p></div><nav class="main-navigation"><ul id="primary-menu" class="menu">{parts.menu(1)}</ul></nav></header>',
            f"{UPLOADS}/berger-300x80.png", f"{UPLOADS}/berger.png",
            files={f"{UPLOADS}/berger-300x80.png": logo("berger", BLUE, (300, 80)), f"{UPLOADS}/berger.png": logo("berger", BLUE, (600, 160))},
        ),
        website(
            "Elementor with lazy logo", "steuerbuero-hansen.example", "Steuerbüro Hansen PartG mbB",
            '<div data-elementor-type="header" data-elementor-id="24" class="elementor elementor-24 elementor-location-header"><section class="elementor-section elementor-top-section elementor-element">'
            '<div class="elementor-container"><div class="elementor-column"><div class="elementor-widget-wrap"><div class="elementor-element elementor-widget elementor-widget-theme-site-logo elementor-widget-image" data-widget_type="theme-site-logo.default">'
            '<div class="elementor-widget-container"><a href="/"><img src="data:image/svg+xml,%3Csvg%20xmlns=\'http://www.w3.org/2000/svg\'%20viewBox=\'0%200%20420%20110\'%3E%3C/svg%3E" data-lazy-src="/wp-content/uploads/hansen_rgb.png" width="420" height="110" class="attachment-full" alt="">'
            '<noscript><img src="/wp-content/uploads/hansen_rgb.png" width="420" height="110" alt=""></noscript></a></div></div></div></div>'
            f'<div class="elementor-column"><nav class="elementor-nav-menu--main"><ul class="elementor-nav-menu">{parts.menu(2)}</ul></nav>'
            f'<div class="elementor-menu-toggle" role="button">{parts.fa(3, "bars")}</div></div></div></section></div>',
            "/wp-content/uploads/hansen_rgb.png", files={"/wp-content/uploads/hansen_rgb.png": logo("hansen", RED)},
        ),
        website(
            "Divi with logo class", "www.winter-recht.example", "Rechtsanwälte Winter & Kollegen",
            '<div id="top-header"><div class="container"><div id="et-info"><span id="et-info-phone">030 5550123</span><a href="mailto:info@winter-recht.example"><span id="et-info-email">info@winter-recht.example</span></a></div></div></div>'
            '<header id="main-header" data-height-onload="66"><div class="container clearfix et_menu_container"><div class="logo_container"><span class="logo_helper"></span><a href="/">'
            '<img src="/wp-content/uploads/2021/02/RAW_Kopf_final3.png" width="400" height="100" alt="Winter" id="logo" data-height-percentage="72"></a></div>'
            f'<div id="et-top-navigation"><nav id="top-menu-nav"><ul id="top-menu" class="nav">{parts.menu(3)}</ul></nav></div></div></header>',
            "/wp-content/uploads/2021/02/RAW_Kopf_final3.png",
            files={"/wp-content/uploads/2021/02/RAW_Kopf_final3.png": logo("winter", GREEN)},
        ),
        website(
            "Avada with sticky, retina and mobile logos", "kanzlei-adler.example", "Adler Steuerberatung",
            '<header class="fusion-header-wrapper"><div class="fusion-header-v3 fusion-logo-alignment fusion-logo-left fusion-sticky-menu"><div class="fusion-header"><div class="fusion-row"><div class="fusion-logo" data-margin-top="31px">'
            '<a class="fusion-logo-link" href="/"><img src="/wp-content/uploads/adler_standard.png" srcset="/wp-content/uploads/adler_standard.png 1x, /wp-content/uploads/adler_retina.png 2x" width="300" height="80" alt="Adler Logo" data-retina_logo_url="/wp-content/uploads/adler_retina.png" class="fusion-standard-logo">'
            '<img src="/wp-content/uploads/adler_weiss.png" width="300" height="80" alt="Adler Logo" class="fusion-sticky-logo"></a></div>'
            f'<nav class="fusion-main-menu" aria-label="Hauptmenü"><ul class="fusion-menu">{parts.menu(4)}</ul></nav></div></div></div></header>',
            "/wp-content/uploads/adler_standard.png", "/wp-content/uploads/adler_retina.png",
            files={
                "/wp-content/uploads/adler_standard.png": logo("adler", RED, (300, 80)),
                "/wp-content/uploads/adler_retina.png": logo("adler", RED, (600, 160)),
                "/wp-content/uploads/adler_weiss.png": logo("adler", WHITE, (300, 80)),
            },
        ),
        website(
            "White logo over a picture, coloured when scrolled", "www.lex-morgen.example", "Morgen Rechtsanwälte",
            '<header class="header header--transparent"><div class="header__inner"><div class="header__logo"><a href="/" title="Startseite"><img class="logo-light" src="/uploads/morgen-weiss.png" alt="Morgen Rechtsanwälte">'
            f'<img class="logo-dark" src="/uploads/morgen-farbe.png" alt="Morgen Rechtsanwälte"></a></div><nav><ul>{parts.menu(5)}</ul></nav></div></header>',
            "/uploads/morgen-farbe.png",
            files={"/uploads/morgen-farbe.png": logo("morgen", BLUE), "/uploads/morgen-weiss.png": logo("morgen", WHITE)},
        ),
        website(
            "Site logo block and a Yoast graph", "steuer-nordsee.example", "Nordsee Steuerberatungsgesellschaft mbH",
            '<header class="wp-block-template-part"><div class="wp-block-group alignwide"><div class="wp-block-site-logo"><a href="http://steuer-nordsee.example:%PORT%/" class="custom-logo-link" rel="home">'
            '<img width="160" height="160" src="/wp-content/uploads/bildmarke.png" class="custom-logo" alt="" decoding="async"></a></div>'
            f'<nav class="wp-block-navigation"><button aria-label="Menü öffnen">{parts.fa(3, "bars")}</button><ul class="wp-block-navigation__container">{parts.menu(6)}</ul></nav></div></header>',
            "/wp-content/uploads/bildmarke.png",
            head=ld({"@context": "https://schema.org", "@graph": [
                {"@type": "WebSite", "@id": "/#website", "publisher": {"@id": "/#organization"}},
                {"@type": "Organization", "@id": "/#organization", "name": "Nordsee", "logo": {"@type": "ImageObject", "@id": "/#/schema/logo/image/", "url": "/wp-content/uploads/bildmarke.png", "width": 500, "height": 500}, "image": {"@id": "/#/schema/logo/image/"}},
            ]}),
            files={"/wp-content/uploads/bildmarke.png": icon(320, GREEN)},
        ),
        website(
            "Enfold, logo in a strong tag", "www.prue-fung.example", "Süd Revision GmbH Wirtschaftsprüfungsgesellschaft",
            '<header id="header" class="all_colors header_color light_bg_color av_header_top" role="banner"><div id="header_main" class="container_wrap"><div class="container av-logo-container"><div class="inner-container">'
            '<span class="logo avia-standard-logo"><a href="/"><img src="/wp-content/uploads/sr-wort-bild.jpg" height="100" width="300" alt="Süd Revision" title=""></a></span>'
            f'<nav class="main_menu" role="navigation"><div class="avia-menu"><ul id="avia-menu" class="menu av-main-nav">{parts.menu(7)}</ul></div></nav></div></div></div></header>',
            "/wp-content/uploads/sr-wort-bild.jpg", files={"/wp-content/uploads/sr-wort-bild.jpg": logo("sued", BLUE, (300, 100), "JPEG")},
        ),
        website(
            "Astra with inline SVG of the logo", "kanzlei-zeder.example", "Kanzlei Zeder",
            '<header class="site-header header-main-layout-1" id="masthead" itemtype="https://schema.org/WPHeader" itemscope><div class="ast-main-header-wrap main-header-bar-wrap"><div class="ast-primary-header-bar"><div class="site-branding ast-site-identity">'
            '<span class="site-logo-img"><a href="/" class="custom-logo-link" rel="home">' + logo_svg("zeder", GREEN).decode() + "</a></span></div>"
            f'<div class="main-header-bar-navigation"><ul class="main-header-menu">{parts.menu(8)}</ul></div><div class="ast-mobile-menu-buttons"><button class="menu-toggle"><svg class="ast-mobile-svg" viewBox="0 0 24 24"><path d="M3 13h18v-2H3z"/></svg></button></div></div></div></header>',
            "svg:<svg xmlns=",
        ),
        website(
            "Logo only in the footer, name in letters above", "www.ra-quell.example", "Rechtsanwältin Quell",
            f'<header class="site-header"><p class="site-title"><a href="/" rel="home">Rechtsanwältin Quell</a></p><nav><ul>{parts.menu(9)}</ul></nav></header>',
            "/wp-content/uploads/quell-logo.png",
            footer_logo='<a href="/"><img src="/wp-content/uploads/quell-logo.png" alt="Rechtsanwältin Quell Logo" width="200"></a>',
            files={"/wp-content/uploads/quell-logo.png": logo("quell", RED)},
        ),
        website(
            "WordPress name in letters, generic site icon only", "www.stb-ohnelogo.example", "Steuerberaterin Ohnesorg",
            f'<header class="site-header"><div class="site-branding"><p class="site-title"><a href="/" rel="home">Steuerberaterin Ohnesorg</a></p></div><nav><ul>{parts.menu(10)}</ul></nav></header>',
            head='<link rel="icon" href="/favicon-32x32.png" sizes="32x32">', files={"/favicon-32x32.png": icon(32), "/favicon.ico": icon(32, kind="ICO")},
        ),
    ]  # fmt: skip


def builders() -> list[Website]:
    wix = "https://static.wixstatic.example/media/ab12_logo~mv2.png/v1/fill/w_98,h_50,al_c,q_85/Logo_Petersen_RGB.png"
    return [
        website(
            "Wix", "www.petersen-tax.example", "Petersen Tax",
            '<div id="SITE_CONTAINER"><div id="site-root"><div id="masterPage" class="mesh-layout"><header id="SITE_HEADER" class="xU8fqS SITE_HEADER wixui-header" tabindex="-1"><div class="hdrc"><div data-mesh-id="SITE_HEADERinlineContent"><div id="comp-kx1" class="MazNVa wixui-image">'
            f'<a data-testid="linkElement" href="/" target="_self" class="j7pOnl"><wow-image id="img_comp-kx1" class="HlRz5e BI8PVQ"><img src="{wix}" alt="Logo_Petersen_RGB.png" style="width:196px;height:100px;object-fit:cover" width="196" height="100" fetchpriority="high"></wow-image></a></div>'
            f'<wix-dropdown-menu id="comp-menu"><nav><ul>{parts.menu(11)}</ul></nav></wix-dropdown-menu></div></div></header></div></div></div>', wix,
            others={"static.wixstatic.example": {}},
        ),
        website(
            "Jimdo Creator", "www.ra-lindner.example", "Rechtsanwalt Lindner",
            '<div class="jtpl-main"><div class="jtpl-header__top"><div id="cc-website-logo" class="cc-single-module-element"><div id="cc-m-7311" class="j-module n j-imageSubtitle"><figure class="cc-imagewrapper cc-m-image-align-1"><a href="/" target="_self">'
            '<img srcset="/image/lindner-320.png 320w, /image/lindner-640.png 640w" sizes="(min-width: 210px) 210px, 100vw" id="cc-m-imagesubtitle-image-7311" src="/image/lindner-320.png" alt="Rechtsanwalt Lindner" class="" data-src-width="640" data-src-height="180"></a></figure></div></div></div>'
            f'<nav class="jtpl-navigation"><div data-container="navigation"><ul class="cc-nav-level-0 j-nav-level-0">{parts.menu(12)}</ul></div></nav></div>',
            "/image/lindner-320.png", "/image/lindner-640.png",
            files={"/image/lindner-320.png": logo("lindner", GREEN, (320, 90)), "/image/lindner-640.png": logo("lindner", GREEN, (640, 180))},
        ),
        website(
            "Squarespace", "kanzlei-orbit.example", "Orbit Legal",
            '<header data-test="header" id="header" class="header theme-col--primary" data-section-theme="white"><div class="sqs-announcement-bar-dropzone"></div><div class="header-announcement-bar-wrapper"><div class="header-inner container--fluid"><div class="header-display-desktop"><div class="header-title-nav-wrapper"><div class="header-title">'
            '<div class="header-title-logo"><a href="/" data-animation-role="header-element"><img elementtiming="nbf-header-logo-desktop" src="//images.sqspcdn.example/content/orbit.png?format=1500w" alt="Orbit Legal" style="display:block" fetchpriority="high"></a></div></div>'
            f'<div class="header-nav"><nav class="header-nav-list">{parts.menu(13)}</nav></div></div></div><div class="header-display-mobile"><div class="header-burger"><button class="header-burger-btn"><div class="burger-box"></div></button></div><div class="header-title-logo"><a href="/"><img src="//images.sqspcdn.example/content/orbit.png?format=1500w" alt="Orbit Legal"></a></div></div></div></div></header>',
            "//images.sqspcdn.example/content/orbit.png?format=1500w",
        ),
        website(
            "IONOS MyWebsite with emotion header", "stb-falke.example", "Steuerberater Falke",
            '<div class="diy-page"><div id="emotion-header" class="s-header"><div id="emotion-header-title-bg"></div><img id="emotion-header-img" src="/s/img/emotionheader.jpg?v=1" alt="Steuerberater Falke" width="960" height="280">'
            '<strong id="emotion-header-title" style="text-align:left">Steuerberater Falke</strong></div><div id="logo"><a href="/"><img src="/s/misc/logo.png?t=1600" alt="Falke" id="emotion-header-logo"></a></div>'
            f'<ul id="mainNav1" class="mainNav1">{parts.menu(14)}</ul></div>',
            "/s/misc/logo.png?t=1600", files={"/s/misc/logo.png": logo("falke", BLUE, (260, 90)), "/s/img/emotionheader.jpg": photo(3, (960, 280))},
        ),
        website(
            "Webflow", "www.klar-steuern.example", "Klar Steuern",
            '<div data-animation="default" class="navbar w-nav" role="banner"><div class="container w-container"><a href="/" aria-current="page" class="brand w-nav-brand w--current"><img src="/assets/63ff_Group%2012.svg" loading="lazy" alt=""></a>'
            f'<nav role="navigation" class="nav-menu w-nav-menu">{parts.menu(15)}</nav><div class="menu-button w-nav-button"><div class="w-icon-nav-menu"></div></div></div></div>',
            "/assets/63ff_Group%2012.svg", files={"/assets/63ff_Group%2012.svg": logo_svg("klar", GREEN)},
        ),
        website(
            "Shopify-like theme", "www.notar-sand.example", "Notariat Sand",
            '<div id="shopify-section-header"><sticky-header><header class="header header--middle-left"><h1 class="header__heading"><a href="/" class="header__heading-link link focus-inset"><img src="//www.notar-sand.example:%PORT%/cdn/shop/files/sand_wappen.png?v=1&width=300" srcset="/cdn/shop/files/sand_wappen.png?v=1&width=150 150w, /cdn/shop/files/sand_wappen.png?v=1&width=300 300w" alt="Notariat Sand" class="header__heading-logo" width="300" height="79"></a></h1>'
            f'<nav class="header__inline-menu"><ul class="list-menu">{parts.menu(16)}</ul></nav><a href="/cart" class="header__icon header__icon--cart">{parts.fa(1, "cart")}</a></header></sticky-header></div>',
            "/cdn/shop/files/sand_wappen.png?v=1&width=300", "/cdn/shop/files/sand_wappen.png?v=1&width=150",
            files={"/cdn/shop/files/sand_wappen.png": logo("sand", RED)},
        ),
        website(
            "TYPO3 with a relative base", "www.wp-tanne.example", "Tanne Wirtschaftsprüfer",
            '<header id="page-header" class="bp-page-header navbar navbar-mainnavigation"><div class="container"><a class="navbar-brand navbar-brand-image" href="/"><img class="navbar-brand-logo-normal" src="fileadmin/user_upload/tanne.svg" alt="Tanne Wirtschaftsprüfer" height="52" width="180"><img class="navbar-brand-logo-inverted" src="fileadmin/user_upload/tanne_inv.svg" alt="Tanne" height="52"></a>'
            f'<nav id="mainnavigation"><ul class="nav navbar-nav">{parts.menu(17)}</ul></nav></div></header>',
            "/cms/fileadmin/user_upload/tanne.svg", head='<base href="/cms/">',
            files={"/cms/fileadmin/user_upload/tanne.svg": logo_svg("tanne", GREEN), "/cms/fileadmin/user_upload/tanne_inv.svg": logo_svg("tanne", WHITE)},
        ),
        website(
            "Joomla Cassiopeia", "www.kanzlei-ufer.example", "Kanzlei Ufer",
            '<header class="header container-header full-width position-sticky" style="position:sticky"><div class="grid-child"><div class="navbar-brand"><a class="brand-logo" href="/"><img loading="eager" decoding="async" src="/images/ufer_l.png" alt="Kanzlei Ufer" width="200" height="60"></a></div></div>'
            f'<div class="grid-child container-nav"><ul class="mod-menu mod-list nav">{parts.menu(18)}</ul></div></header>',
            "/images/ufer_l.png", head='<link href="/media/templates/site/cassiopeia/images/joomla-favicon.svg" rel="icon" type="image/svg+xml">',
            files={"/images/ufer_l.png": logo("ufer", BLUE, (400, 120)), "/media/templates/site/cassiopeia/images/joomla-favicon.svg": logo_svg("j", RED)},
        ),
        website(
            "Contao with a header image element", "www.fluegge-stb.example", "Flügge Steuerberatung",
            '<div id="wrapper"><header id="header"><div class="inside"><div class="ce_image first block" id="logo"><figure class="image_container"><a href="./"><img src="assets/images/3/fluegge-8f2.png" srcset="assets/images/3/fluegge-8f2.png 1x, assets/images/9/fluegge-aa1.png 2x" width="280" height="75" alt=""></a></figure></div>'
            f'<nav class="mod_navigation block"><ul class="level_1">{parts.menu(19)}</ul></nav></div></header></div>',
            "/assets/images/3/fluegge-8f2.png", "/assets/images/9/fluegge-aa1.png",
            files={"/assets/images/3/fluegge-8f2.png": logo("fluegge", RED, (280, 75)), "/assets/images/9/fluegge-aa1.png": logo("fluegge", RED, (560, 150))},
        ),
        website(
            "Drupal Olivero", "kanzlei-rabe.example", "Kanzlei Rabe",
            '<div id="page-wrapper" class="page-wrapper"><div id="page"><header id="header" class="site-header" data-drupal-selector="site-header" role="banner"><div class="site-header__fixable"><div class="site-header__inner"><div id="block-olivero-site-branding" class="site-branding block block-system"><div class="site-branding__inner"><a href="/" rel="home" class="site-branding__logo"><img src="/sites/default/files/rabe_0.svg" alt="Startseite" fetchpriority="high"></a></div></div>'
            f'<nav class="primary-nav"><ul class="primary-nav__menu">{parts.menu(20)}</ul></nav></div></div></header></div></div>',
            "/sites/default/files/rabe_0.svg", files={"/sites/default/files/rabe_0.svg": logo_svg("rabe", BLUE)},
        ),
    ]  # fmt: skip


def modern() -> list[Website]:
    sprite = f'<svg xmlns="http://www.w3.org/2000/svg"><symbol id="icon-mail" viewBox="0 0 24 24"><path d="M2 4h20v16H2z"/></symbol><symbol id="marke" viewBox="0 0 200 50">{logo_svg("linde", RED).decode().partition(">")[2].removesuffix("</svg>")}</symbol></svg>'
    drawn_logo = '<svg class="brand" viewBox="0 0 220 48" fill="none" role="img" aria-labelledby="t1"><title id="t1">Ahorn Recht</title><path class="st0" d="M4 4h40v40H4z"/><path class="st1" d="M60 10h20v28H60zM90 10h20v28H90zM120 10h30v28h-30z"/></svg>'
    return [
        website(
            "Next.js image service", "www.steuer-lotse.example", "Steuerlotse Brandt",
            '<div id="__next"><header class="Header_root__x1Yz2"><div class="Container_inner__9aB"><a class="Header_logoLink__Qw3" aria-label="Zur Startseite" href="/"><img alt="Steuerlotse Brandt" loading="eager" width="220" height="56" decoding="async" data-nimg="1" style="color:transparent" srcSet="/_next/image?url=%2F_next%2Fstatic%2Fmedia%2Flotse.5f1c.png&amp;w=256&amp;q=75 1x, /_next/image?url=%2F_next%2Fstatic%2Fmedia%2Flotse.5f1c.png&amp;w=640&amp;q=75 2x" src="/_next/image?url=%2F_next%2Fstatic%2Fmedia%2Flotse.5f1c.png&amp;w=640&amp;q=75"></a>'
            f'<nav class="Nav_list__7hh"><ul>{parts.menu(21)}</ul></nav></div></header></div>',
            "/_next/image?url=%2F_next%2Fstatic%2Fmedia%2Flotse.5f1c.png&w=640&q=75", "/_next/static/media/lotse.5f1c.png",
            files={"/_next/static/media/lotse.5f1c.png": logo("lotse"), "/_next/image": (200, {"Content-Type": "image/png"}, logo("lotse"))},
        ),
        website(
            "Inline SVG coloured by a style sheet", "ahorn-recht.example", "Ahorn Recht",
            f'<header class="sticky top-0 z-50 bg-white/80"><div class="mx-auto flex max-w-7xl items-center justify-between"><a href="/" class="flex items-center gap-2">{drawn_logo}</a><nav class="hidden md:flex"><ul>{parts.menu(22)}</ul></nav><button class="md:hidden" aria-label="Menü"><svg class="h-6 w-6" viewBox="0 0 24 24" fill="none" stroke="currentColor"><path d="M4 6h16M4 12h16M4 18h16"/></svg></button></div></header>',
            "svg:aria-labelledby=", head='<link rel="stylesheet" href="/assets/index.css">',
            files={"/assets/index.css": ":root{--marke:#146c43}.brand .st0{fill:var(--marke)}.brand .st1{fill:#222}.hero{background:url(/bilder/hero.jpg)}"},
        ),
        website(
            "Symbol from the page", "www.eiche-wp.example", "Eiche Wirtschaftsprüfung",
            '<svg style="display:none"><symbol id="logo-eiche" viewBox="0 0 60 20"><path d="M0 0h20v20H0z" fill="#0a4a8a"/><path d="M25 5h30v10H25z"/></symbol><symbol id="arrow" viewBox="0 0 9 9"><path d="M0 0l9 4-9 5z"/></symbol></svg>'
            f'<header role="banner"><div class="wrap"><a class="logo" href="/"><svg width="180" height="60" role="img" aria-label="Eiche"><use xlink:href="#logo-eiche"></use></svg></a><nav><ul>{parts.menu(23)}</ul></nav><a href="/suche/"><svg class="icon"><use href="#arrow"></use></svg></a></div></header>',
            "svg:#logo-eiche",
        ),
        website(
            "Symbol from another file", "www.linde-legal.example", "Linde Legal",
            f'<header class="c-header"><div class="c-header__brand"><a href="/" class="c-header__home"><svg class="c-logo" width="200" height="50"><use href="/dist/sprite.svg#marke"></use></svg></a></div><ul class="c-nav">{parts.menu(24)}</ul><a href="mailto:post@linde-legal.example"><svg class="c-icon"><use href="/dist/sprite.svg#icon-mail"></use></svg></a></header>',
            "svg:sprite.svg#marke", files={"/dist/sprite.svg": sprite},
        ),
        website(
            "Drawn only by a script", "app.stb-weide.example", "Weide Steuerberatung",
            '<div id="root"></div><noscript>Sie müssen JavaScript aktivieren, um diese Seite zu sehen.</noscript>', "/static/media/logo_weide.8f3a2.svg",
            head='<script defer src="/static/js/main.4be1.js"></script><link rel="icon" href="/favicon.ico">', rest="",
            files={"/static/js/main.4be1.js": '!function(){var e={};e.exports=n.p+"static/media/logo_weide.8f3a2.svg";var t="static/media/hero.77.jpg";React.createElement("img",{src:"/static/media/logo_weide.8f3a2.svg",alt:"Weide"})}()', "/static/media/logo_weide.8f3a2.svg": logo_svg("weide", GREEN), "/favicon.ico": icon(32, kind="ICO")},
        ),
        website(
            "Bundled application, shown in a link home under a name that says nothing", "www.ahorn-recht.example", "Ahorn Rechtsanwälte",
            '<div id="root"></div>', "/assets/ar-2024-rgb-CXEULMVn.png", rest="",
            head='<script type="module" crossorigin src="/assets/index-CE3.js"></script><link rel="icon" type="image/svg+xml" href="/vite.svg"><meta property="og:image" content="https://builder.example/og.png">',
            files={
                "/assets/index-CE3.js": 'const Gd="/assets/ar-2024-rgb-CXEULMVn.png",Jd="/assets/kanzlei-ahorn-BEsAy.png",Kd="/assets/dav-Bz.png";function Zd(){return g.jsx("header",{className:"sticky top-0",children:g.jsxs("div",{className:"container",children:[g.jsx(Y,{to:"/",className:"flex","aria-label":"Startseite",children:g.jsx("img",{src:Gd,alt:"Ahorn",className:"h-14",style:{maxHeight:60}})}),g.jsx("a",{href:"/",children:"Start"})]})})}'
                'function q(){return g.jsxs("main",{children:[g.jsx("img",{src:Jd,alt:"Kanzlei Ahorn in Musterstadt"}),g.jsx("img",{src:Kd,alt:"Mitglied im Anwaltverein"}),g.jsx("img",{src:"/uploads/88fbd551.png",alt:"Ahorn Logo weiß",className:"h-12"})]})}',
                "/assets/ar-2024-rgb-CXEULMVn.png": logo("ahorn", RED), "/assets/kanzlei-ahorn-BEsAy.png": photo(3), "/assets/dav-Bz.png": drawn.badge(2),
                "/uploads/88fbd551.png": logo("ahorn", WHITE), "/vite.svg": logo_svg("v", "#646cff"),
            },
        ),
        website(
            "Bundled application, called a logo only where it is shown", "www.stb-quitte.example", "Quitte Steuerberatung",
            '<div id="app"></div>', "/uploads/3f9c2b1e-7a10.png", rest="",
            head='<script type="module" src="/build/app.js"></script><link rel="icon" href="/favicon.ico">',
            files={
                "/build/app.js": 'var t=T(`<header class="kopf"><div class="zeile"><img src="/uploads/3f9c2b1e-7a10.png" alt="Logo Quitte Steuerberatung" width="200"><nav><a href="/kontakt">Kontakt</a></nav></div></header><section><img src="/uploads/77aa01.png" alt="Quitte im Gespräch"><img src="/uploads/91bc.png" alt="DATEV Logo"></section>`);',
                "/uploads/3f9c2b1e-7a10.png": logo("quitte", GREEN), "/uploads/77aa01.png": photo(4), "/uploads/91bc.png": drawn.badge(1), "/favicon.ico": icon(32, kind="ICO"),
            },
        ),
        website(
            "Picture element, SVG first, dark version aside", "kanzlei-buche.example", "Kanzlei Buche",
            f'<header class="page-head"><a href="/de" class="page-head__link"><picture><source media="(prefers-color-scheme: dark)" srcset="/img/buche-dark.svg"><source type="image/svg+xml" srcset="/img/buche.svg"><img src="/img/buche.png" alt="Kanzlei Buche" width="200" height="50"></picture></a><nav><ul>{parts.menu(25)}</ul></nav></header>',
            "/img/buche.png", "/img/buche.svg", files={"/img/buche.svg": logo_svg("buche"), "/img/buche.png": logo("buche"), "/img/buche-dark.svg": logo_svg("buche", WHITE)},
        ),
        website(
            "Logo as a background of the home link", "www.stb-ulme.example", "Ulme & Partner Steuerberater",
            f'<div id="page"><div id="header"><div id="claim">Steuern. Einfach. Gut.</div><h1 id="logo"><a href="/" title="Ulme &amp; Partner">Ulme &amp; Partner</a></h1><ul id="nav">{parts.menu(26)}</ul></div></div>',
            "/themes/ulme/img/ulme.png", head='<link rel="stylesheet" href="/themes/ulme/style.css" media="all">',
            files={"/themes/ulme/style.css": "body{background:#fff url(img/bg.jpg) repeat-x}#header{background:url(img/kopf.jpg) no-repeat;height:300px}#logo a{display:block;width:260px;height:80px;text-indent:-9999px;background:url('img/ulme.png') 0 0 no-repeat}#nav li{background:url(img/pfeil.gif)}", "/themes/ulme/img/ulme.png": logo("ulme"), "/themes/ulme/img/kopf.jpg": photo(4), "/themes/ulme/img/bg.jpg": photo(5), "/themes/ulme/img/pfeil.gif": dot()},
        ),
        website(
            "Background in an imported style sheet, behind a variable", "kanzlei-erle.example", "Kanzlei Erle",
            f'<header class="kopfbereich"><a class="marke" href="/"><span class="sr-only">Kanzlei Erle</span></a><nav><ul>{parts.menu(27)}</ul></nav></header>',
            "/css/img/erle.svg", head='<style>@import url("/css/haupt.css");</style>',
            files={"/css/haupt.css": ':root{--zeichen:url("img/erle.svg")}@media screen{.kopfbereich .marke{width:200px;height:50px;background-image:var(--zeichen)}}.kopfbereich{background:url(img/kopf.jpg);background-size:cover}', "/css/img/erle.svg": logo_svg("erle", RED), "/css/img/kopf.jpg": photo(6)},
        ),
        website(
            "Data address in the page", "www.birke-tax.example", "Birke Tax GmbH",
            f'<header><div class="bar"><a href="/" class="brand"><img alt="Birke Tax" src="{data_svg("birke", GREEN)}"></a><ul>{parts.menu(28)}</ul></div></header>', "data:" + data_svg("birke", GREEN)[30:120],
        ),
        website(
            "Data address in a style", "www.esche-recht.example", "Esche Recht",
            f'<header><a href="/" class="site-logo" style="display:block;width:300px;height:90px;background-image:url({data_png("esche", RED)})" aria-label="Startseite"></a><ul>{parts.menu(29)}</ul></header>', "data:" + data_png("esche", RED)[30:120],
        ),
        website(
            "Object element", "www.fichte-audit.example", "Fichte Audit",
            f'<div class="top"><div class="logo"><object type="image/svg+xml" data="/grafik/fichte.svg" width="240" height="60">Fichte Audit</object></div><ul class="nav">{parts.menu(30)}</ul></div>', "/grafik/fichte.svg", files={"/grafik/fichte.svg": logo_svg("fichte", GREEN)},
        ),
        website(
            "A drawing that wraps a picture", "kiefer-kanzlei.example", "Kiefer Rechtsanwälte",
            f'<header><a href="/"><svg width="250" height="60" viewBox="0 0 250 60"><image href="/img/kiefer.png" width="250" height="60"></image></svg></a><nav><ul>{parts.menu(31)}</ul></nav></header>', "/img/kiefer.png", files={"/img/kiefer.png": logo("kiefer", GREEN)},
        ),
        website(
            "Mask coloured by the theme", "www.pappel-law.example", "Pappel Law",
            f'<header class="site-head"><a href="/" class="site-head__logo"><span>Pappel Law</span></a><ul>{parts.menu(32)}</ul></header>', "/img/pappel.svg",
            head="<style>.site-head__logo{width:180px;height:40px;background:#1c6e4a;-webkit-mask:url(/img/pappel.svg) no-repeat;mask:url(/img/pappel.svg) no-repeat}.site-head__logo span{font-size:0}</style>", files={"/img/pappel.svg": logo_svg("pappel", "#000")},
        ),
    ]  # fmt: skip


def declared() -> list[Website]:
    plain = '<div class="kopf"><strong>{}</strong></div><ul class="nav">{}</ul>'
    return [
        website("JSON-LD address only", "www.stb-distel.example", "Steuerberatung Distel", plain.format("Willkommen", parts.menu(33)), "/media/distel.png", head=ld({"@context": "https://schema.org", "@type": "AccountingService", "name": "Distel", "logo": "/media/distel.png", "image": "/bilder/hero.jpg", "sponsor": {"@type": "Organization", "logo": "/bilder/logo-muster-bau.png"}}), files={"/media/distel.png": logo("distel")}),
        website("JSON-LD in an array, picture as an object", "www.ra-farn.example", "Rechtsanwalt Farn", plain.format("Rechtsrat", parts.menu(34)), "/media/farn-breit.png", head=ld([{"@type": "BreadcrumbList", "itemListElement": []}, {"@type": ["LegalService", "LocalBusiness"], "name": "Farn", "logo": {"@type": "ImageObject", "contentUrl": "/media/farn-breit.png", "width": 514, "height": 160}}]), files={"/media/farn-breit.png": logo("farn")}),
        website("Broken JSON-LD", "www.wp-ginster.example", "Ginster WP", plain.format("Prüfung", parts.menu(35)), "/media/ginster.png", head='<script type="application/ld+json">{"@context":"https://schema.org","@type":"Organization","name":"Ginster WP","logo":"\\/media\\/ginster.png","address":{"streetAddress":"Musterstr. 1",},}</script>', files={"/media/ginster.png": logo("ginster")}),
        website("Microdata", "www.heide-stb.example", "Heide Steuerberater", f'<div itemscope itemtype="https://schema.org/Organization" class="oben"><a itemprop="url" href="/"><img itemprop="logo" src="/gfx/h.gif" alt=""></a><span itemprop="name">Heide</span></div><ul>{parts.menu(36)}</ul>', "/gfx/h.gif", files={"/gfx/h.gif": logo("heide", RED, (300, 80), "GIF")}),
        website("og:logo", "www.iris-recht.example", "Iris Recht", plain.format("Iris", parts.menu(37)), "/media/iris.svg", head='<meta property="og:logo" content="/media/iris.svg"><meta property="og:image" content="/bilder/hero.jpg">', files={"/media/iris.svg": logo_svg("iris", RED)}),
        website("Declared square sign, wordmark in the header", "www.jasmin-tax.example", "Jasmin Tax", f'<header class="header"><a href="/" class="header-logo"><img src="/media/jasmin-wortmarke.svg" alt="Jasmin Tax"></a><ul>{parts.menu(38)}</ul></header>', "/media/jasmin-wortmarke.svg", head=ld({"@type": "Organization", "name": "Jasmin Tax", "logo": {"@type": "ImageObject", "url": "/media/jasmin-quadrat.png", "width": 512, "height": 512}}), files={"/media/jasmin-wortmarke.svg": logo_svg("jasmin"), "/media/jasmin-quadrat.png": icon(512)}),
        website("Only a touch icon, drawn by the firm", "www.kresse-stb.example", "Kresse Steuern", '<div class="wrapper"><div class="intro-text"><h2>Steuern leicht gemacht</h2></div></div>', "/kresse-logo-180.png", head='<link rel="apple-touch-icon" sizes="180x180" href="/kresse-logo-180.png"><link rel="icon" sizes="32x32" href="/fav32.png">', files={"/kresse-logo-180.png": icon(180, GREEN), "/fav32.png": icon(32, GREEN)}),
        website("Only a manifest", "www.lavendel-law.example", "Lavendel Law", '<div class="wrapper"><div class="intro-text"><h2>Recht verständlich</h2></div></div>', "/icons/lavendel-512.png", "/icons/lavendel-192.png", head='<link rel="manifest" href="/site.webmanifest">', files={"/site.webmanifest": json.dumps({"name": "Lavendel", "icons": [{"src": "icons/lavendel-192.png", "sizes": "192x192"}, {"src": "icons/lavendel-512.png", "sizes": "512x512"}]}), "/icons/lavendel-512.png": icon(512, RED), "/icons/lavendel-192.png": icon(192, RED)}),
        website("Shared picture is the logo", "www.malve-recht.example", "Malve Recht", plain.format("Recht", parts.menu(39)), "/media/malve-logo.png", head='<meta property="og:image" content="http://www.malve-recht.example:%PORT%/media/malve-logo.png">', files={"/media/malve-logo.png": logo("malve")}),
    ]  # fmt: skip


def doors() -> list[Website]:
    inner = (
        f'<div id="kopf"><a href="/start.html"><img src="/img/nelke.gif" width="260" height="70"></a></div><ul>{parts.menu(40)}</ul>'
        + parts.body(40, "Kanzlei Nelke")
    )
    german = (
        f'<header class="top"><a href="/de/"><img src="/img/primel.png" alt="Primel"></a><ul>{parts.menu(42, prefix="/de/")}</ul></header>'
        + parts.body(42, "Primel Steuerberater")
    )
    rose = '<table width="100%" border="0"><tr><td><a href="start.html" target="main"><img src="img/rose.gif" border="0" width="280" height="75" alt="Kanzlei Rose"></a></td><td><img src="img/linie.gif" width="400" height="2"></td></tr></table>'
    return [
        Website("Meta refresh", "www.kanzlei-nelke.example", "Kanzlei Nelke", common(40) | {"/": document('<meta http-equiv="refresh" content="0; URL=/start.html">', "", title="Nelke"), "/start.html": document("", inner, title="Nelke"), "/img/nelke.gif": logo("nelke", RED, (260, 70), "GIF")}, ("/img/nelke.gif",)),
        Website("Moved by a script", "www.orchidee-law.example", "Orchidee Law", common(41) | {"/": document('<script>window.location.replace("/web/");</script>', "<p>Sie werden weitergeleitet …</p>", title="Orchidee"), "/web/": document("", f'<header><a href="/web/"><img src="/img/orchidee.png" alt="Orchidee Law"></a><ul>{parts.menu(41, prefix="/web/")}</ul></header>' + parts.body(41, "Orchidee Law"), title="Orchidee"), "/img/orchidee.png": logo("orchidee")}, ("/img/orchidee.png",)),
        Website("Choice of languages", "www.primel-stb.example", "Primel Steuerberater", common(42) | {"/": document("", '<div class="center"><p>Bitte wählen Sie Ihre Sprache / Please choose your language</p><a href="/de/" hreflang="de"><img src="/img/flag-de.png" alt="Deutsch" width="40"></a> <a href="/en/" hreflang="en"><img src="/img/flag-en.png" alt="English" width="40"></a></div>', title="Primel"), "/de/": document("", german, title="Primel"), "/img/primel.png": logo("primel", GREEN), "/img/flag-de.png": icon(64, RED), "/img/flag-en.png": icon(64, BLUE)}, ("/img/primel.png",)),
        Website("Splash page with the logo", "www.ranunkel.example", "Ranunkel Rechtsanwälte", common(43) | {"/": document("", '<center><a href="home.html"><img src="images/ranunkel_gross.jpg" alt="Ranunkel Rechtsanwälte" border="0"></a><br><a href="home.html">Eintreten</a></center>', title="Ranunkel"), "/home.html": document("", '<table><tr><td><img src="images/ranunkel_gross.jpg" width="200"></td></tr></table>' + parts.body(43, "Ranunkel"), title="Ranunkel"), "/images/ranunkel_gross.jpg": logo("ranunkel", RED, (500, 140), "JPEG")}, ("/images/ranunkel_gross.jpg",)),
        Website("Frames", "www.kanzlei-rose.example", "Kanzlei Rose", common(44) | {"/": '<html><head><title>Kanzlei Rose</title></head><frameset rows="110,*" frameborder="0"><frame src="oben.html" name="oben" scrolling="no"><frame src="start.html" name="main"><noframes><body>Ihr Browser zeigt keine Rahmen.</body></noframes></frameset></html>', "/oben.html": f"<html><body bgcolor=white>{rose}</body></html>", "/start.html": "<html><body><h1>Willkommen</h1><img src=bilder/hero.jpg width=600><p>Ihre Kanzlei in Musterstadt.</p></body></html>", "/img/rose.gif": logo("rose", RED, (280, 75), "GIF"), "/img/linie.gif": dot()}, ("/img/rose.gif",)),
        Website("The whole site in an inner frame", "www.salbei-tax.example", "Salbei Tax", common(45) | {"/": '<html><head><title>Salbei Tax</title></head><body style="margin:0"><iframe src="http://kunden.hoster.example:%PORT%/salbei/" width="100%" height="100%" frameborder="0"></iframe></body></html>'}, ("http://kunden.hoster.example:%PORT%/salbei/logo.png",), {"kunden.hoster.example": {"/salbei/": document("", f'<header><a href="/salbei/"><img src="logo.png" alt="Salbei Tax"></a><ul>{parts.menu(45)}</ul></header><p>Willkommen</p>', title="Salbei"), "/salbei/logo.png": logo("salbei", GREEN)}}),
    ]  # fmt: skip


def handmade() -> list[Website]:
    latin = '<html><head><meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><title>Büro Thürk</title></head><body background="/img/papier.gif"><table width="780" align="center"><tr><td colspan="2"><img src="/img/Logo%20Th%FCrk.gif" alt="Büro Thürk" width="300" height="80"></td></tr><tr><td><a href="/index.htm">Start</a><br><a href="/leistungen.htm">Leistungen</a></td><td><p>Wir beraten Sie in allen Steuerfragen. Grüße aus Köln.</p><img src="/bilder/portrait-1.jpg" alt="Thürk"></td></tr></table></body></html>'
    return [
        website("Table layout, one picture with the name on top", "www.stb-veilchen.example", "Steuerberater Veilchen", f'<table width="780" cellpadding="0" cellspacing="0" align="center"><tr><td colspan="3"><img src="/images/top.gif" width="780" height="120" alt=""></td></tr><tr><td width="160" valign="top"><table>{"".join(f"<tr><td><img src=/images/pfeil.gif width=9 height=9> <a href=/{name}.html>{name}</a></td></tr>" for name in ("start", "kanzlei", "leistungen", "kontakt"))}</table></td><td>Herzlich willkommen bei Ihrem Steuerberater.</td></tr></table>', "/images/top.gif", files={"/images/top.gif": banner("veilchen"), "/images/pfeil.gif": dot()}),
        Website("Latin-1 with umlauts in the address", "www.thuerk.example", "Büro Thürk", common(46) | {"/": (200, {"Content-Type": "text/html"}, latin.encode("latin-1")), "/img/Logo%20Th%FCrk.gif": logo("thuerk", GREEN, (300, 80), "GIF"), "/img/papier.gif": icon(60, GREY, "GIF")}, ("/img/Logo%20Th%FCrk.gif",)),
        website("Image with no link, no words but the name in alt", "www.wacholder-law.example", "Wacholder Rechtsanwälte", f'<div class="row one"><div class="col"><img src="/img/0815.png" alt="Wacholder Rechtsanwälte"></div><div class="col"><img src="/img/tel.png" alt="Telefon" width="24"> 030 5550101</div></div><div class="row two"><ul>{parts.menu(47)}</ul></div>', "/img/0815.png", files={"/img/0815.png": logo("wacholder"), "/img/tel.png": icon(24)}),
        website("Initials as a sign, name beside it in letters", "www.zimt-kollegen.example", "Zimt, Safran und Kollegen", f'<header><a class="home" href="/index.php"><img src="/img/zsk.svg" height="60"><span>Zimt, Safran und Kollegen</span></a><ul>{parts.menu(48)}</ul></header>', "/img/zsk.svg", files={"/img/zsk.svg": logo_svg("zsk", RED)}),
        website("Menu icons and flags before the logo", "www.anis-audit.example", "Anis Audit", f'<div class="topbar"><ul class="lang"><li><a href="/de/"><img src="/img/de.png" alt="de" width="20"></a></li><li><a href="/en/"><img src="/img/en.png" alt="en" width="20"></a></li><li><a href="/fr/"><img src="/img/fr.png" alt="fr" width="20"></a></li></ul><a href="/suche/"><img src="/img/suche.png" alt="Suche"></a></div><div class="mainhead"><a href="/"><img src="/img/anis.png"></a><ul>{parts.menu(49)}</ul></div>', "/img/anis.png", files={"/img/anis.png": logo("anis", GREEN), "/img/de.png": icon(20), "/img/en.png": icon(20, RED), "/img/fr.png": icon(20, GREEN), "/img/suche.png": icon(24, GREY)}),
        website("Logo at the end of the markup, moved up by style", "www.dill-stb.example", "Dill Steuerberatung", f'<div id="nav"><ul>{parts.menu(50)}</ul></div>', "/img/dill_4c.png", rest=parts.hero(50) + parts.team(50) + parts.partners(50) + '<div id="branding"><a href="/"><img src="/img/dill_4c.png" alt="Dill"></a></div>' + parts.footer(50, "Dill Steuerberatung"), files={"/img/dill_4c.png": logo("dill", RED)}),
        website("Link home written in full with www", "kerbel-recht.example", "Kerbel Recht", f'<header><div><a href="http://www.kerbel-recht.example:%PORT%/index.html"><img src="http://cdn.kerbel-hosting.example/k/8842.png" alt=""></a></div><ul>{parts.menu(51)}</ul></header>', "http://cdn.kerbel-hosting.example/k/8842.png"),
    ]  # fmt: skip


def traps() -> list[Website]:
    name = '<header class="site-header"><a href="/" class="site-name">{0}</a><nav><ul>{1}</ul></nav></header>'
    return [
        website("No logo: partners, badges, portraits", "www.stb-linse.example", "Steuerbüro Linse", name.format("Steuerbüro Linse", parts.menu(52)), rest=parts.hero(1) + parts.team(52) + parts.partners(52) + parts.partners(53) + parts.footer(52, "Steuerbüro Linse") + parts.cookie(0)),
        website("No logo: photograph as header", "www.ra-erbse.example", "Rechtsanwalt Erbse", f'<header class="header"><img class="header-image" src="/img/header.jpg" alt="Kanzleigebäude" width="1400" height="400"><h1><a href="/">Rechtsanwalt Erbse</a></h1><ul>{parts.menu(54)}</ul></header>', files={"/img/header.jpg": photo(8, (1400, 400))}),
        website("No logo: builder's icon only", "www.bohne-stb.example", "Bohne Steuerberatung", name.format("Bohne Steuerberatung", parts.menu(55)), head='<link rel="icon" type="image/png" href="https://www.jimdo.example/favicon.png"><link rel="apple-touch-icon" href="/wp-includes/images/w-logo-blue-white-bg.png">', files={"/wp-includes/images/w-logo-blue-white-bg.png": icon(180)}),
        website("No logo: nothing but text", "www.notar-hirse.example", "Notar Hirse", name.format("Notar Hirse", parts.menu(56)), rest="<main><p>Beurkundungen nach Vereinbarung.</p></main><footer>Notar Hirse</footer>"),
        website("No logo: flags of languages in the head", "www.ra-hafer.example", "Rechtsanwalt Hafer", f'<header class="header"><div class="left"><img src="/img/flag/DE.gif" alt="" width="60" height="40"></div><strong>Recht und Rat</strong><ul>{parts.menu(58)}</ul></header>', rest="<main><p>Willkommen.</p></main>", files={"/img/flag/DE.gif": logo("flagge", RED, (60, 40), "GIF")}),
        website("No logo: an extension's picture in a script", "www.stb-dinkel.example", "Steuerbüro Dinkel", name.format("Steuerbüro Dinkel", parts.menu(59)), rest="<main><p>Willkommen.</p></main><script>var share={icon:'/wp-content/plugins/share-buttons/images/logo.png'};</script>", files={"/wp-content/plugins/share-buttons/images/logo.png": logo("teilen", GREEN, (240, 80))}),
        website("No logo: a portrait in the header", "www.ra-gerste.example", "Rechtsanwältin Gerste", f'<header><a href="/">Rechtsanwältin Gerste</a><img src="/img/gerste-portrait.jpg" alt="Rechtsanwältin Gerste" width="200"><ul>{parts.menu(57)}</ul></header>', files={"/img/gerste-portrait.jpg": portrait(3)}),
        website("Badge beside the logo in the header", "www.hafer-tax.example", "Hafer Tax", f'<header class="header"><div class="left"><a href="/"><img src="/img/hafer.png" alt="Hafer"></a></div><div class="right"><a href="https://www.datev.example/" target="_blank"><img src="/bilder/datev-logo.svg" alt="DATEV Logo" class="logo"></a><img src="/bilder/tuev-iso9001.png" alt="TÜV Logo ISO 9001" class="logo"></div><ul>{parts.menu(58)}</ul></header>', "/img/hafer.png", files={"/img/hafer.png": logo("hafer", RED)}),
        website("Association's logo at the very top", "www.roggen-law.example", "Roggen Law", f'<div class="network-bar"><a href="https://netzwerk.example/"><img class="logo" src="/img/netzwerk-logo.png" alt="Mitglied im Anwaltsnetzwerk"></a></div><header><a href="/"><img src="/img/roggen.svg"></a><ul>{parts.menu(59)}</ul></header>', "/img/roggen.svg", files={"/img/roggen.svg": logo_svg("roggen"), "/img/netzwerk-logo.png": logo("netz", RED)}),
        website("Theme's own logo left in the markup", "www.weizen-stb.example", "Weizen Steuerberatung", f'<header class="header"><div class="logo-wrap"><a href="/"><img src="/wp-content/uploads/Weizen_StB.png" alt=""></a></div><ul>{parts.menu(60)}</ul><img hidden class="logo" src="/wp-content/themes/betheme/images/logo/logo.png" alt="Betheme"></header>', "/wp-content/uploads/Weizen_StB.png", files={"/wp-content/uploads/Weizen_StB.png": logo("weizen", GREEN), "/wp-content/themes/betheme/images/logo/logo.png": logo("be", GREY)}),
        website("Cookie notice first, with its own logo", "www.reis-recht.example", "Reis Recht", parts.cookie(1) + f'<header><a href="/"><img src="/img/reis.png" alt=""></a><ul>{parts.menu(61)}</ul></header>', "/img/reis.png", files={"/img/reis.png": logo("reis")}),
        website("Firm with a trap's word in its name", "www.team-partner-steuern.example", "Team Partner Steuern GmbH", f'<header><a href="/"><img src="/img/team-partner.png" alt="Team Partner Steuern"></a><ul>{parts.menu(62)}</ul></header>', "/img/team-partner.png", files={"/img/team-partner.png": logo("team", RED)}),
        website("Slogan beside the logo in the same link", "www.mais-audit.example", "Mais Audit", f'<header><a href="/"><img src="/img/mais.png" class="logo" alt="Mais Audit"><img src="/img/claim.png" alt="Prüfen mit Weitblick" class="claim"></a><ul>{parts.menu(63)}</ul></header>', "/img/mais.png", files={"/img/mais.png": logo("mais", GREEN), "/img/claim.png": logo("claim", GREY, (400, 40))}),
        website("Home icon in the navigation", "www.hopfen-stb.example", "Hopfen Steuern", f'<div class="head"><div class="head-left"><img src="/img/hopfen.png" alt="Hopfen Steuern" width="240"></div><nav><a href="/" class="home">{parts.fa(1, "home")}</a><ul>{parts.menu(64)}</ul></nav></div>', "/img/hopfen.png", files={"/img/hopfen.png": logo("hopfen", RED)}),
        website("Broken logo address, picture in the footer works", "www.senf-law.example", "Senf Law", f'<header><a href="/"><img src="/img/senf-neu.png" alt="Senf Law" class="logo"></a><ul>{parts.menu(65)}</ul></header>', "/img/senf-neu.png", "/img/senf.png", footer_logo='<img src="/img/senf.png" alt="Senf Law Logo">', files={"/img/senf.png": logo("senf", GREEN)}),
    ]  # fmt: skip


def learned() -> list[Website]:
    """What real pages taught."""
    buttons = "".join(
        f'<a href="{target}"><img src="/img/knopf{at}.gif" border="0" height="26" alt=""></a>'
        for at, target in enumerate(("index.html", "wir.html", "themen.html", "kontakt.html"))
    )
    up = '<a href="#top" onclick="return fold(this)"><img src="/img/auf.png" alt="" width="44" height="44"></a>'
    long = "".join(f"<option>{topic}</option>" for topic in parts.TOPICS)
    return [
        website("Home button among buttons, logo without a link", "www.stb-ahorn.example", "Steuerberater Ahorn", f'<table width="800"><tr><td><img src="/img/0211.gif" width="300" height="80"></td></tr><tr><td>{buttons}</td></tr></table>', "/img/0211.gif", files={"/img/0211.gif": logo("ahorn", RED, (300, 80), "GIF"), **{f"/img/knopf{at}.gif": logo(f"knopf{at}", GREY, (140, 26), "GIF") for at in range(4)}}),
        website("Home pages of other departments of the same domain", "www.eberesche.example", "Eberesche Revision", f'<div class="a1"><img src="/x/11.png" width="280" height="70" alt="Eberesche"></div><div class="a2"><a href="http://karriere.eberesche.example:%PORT%/"><img src="/x/12.png" width="280" height="70" alt="Karriere"></a></div><ul>{parts.menu(70)}</ul>', "/x/11.png", files={"/x/11.png": logo("eberesche", BLUE, (280, 70)), "/x/12.png": logo("karriere", RED, (280, 70))}),
        website("An empty picture in the link, the logo behind it by style", "www.holunder-stb.example", "Holunder Steuern", f'<div id="header"><a class="logo" href="/"><img src="/gfx/x.gif" width="260" height="70" alt="Holunder Steuern"></a><ul>{parts.menu(71)}</ul></div>', "/gfx/holunder.png", head='<link rel="stylesheet" href="/gfx/stil.css">', files={"/gfx/x.gif": dot(), "/gfx/holunder.png": logo("holunder", GREEN, (260, 70)), "/gfx/stil.css": "#header{background:#fff url(verlauf.png) repeat-x}a.logo{display:block;background:url(holunder.png) no-repeat}", "/gfx/verlauf.png": drawn.tint()}),
        website("A logo with shades like a photograph", "www.liguster-ra.example", "Liguster Rechtsanwälte", f'<header><a class="header-logo" href="/"><img src="/img/kopf2.jpg" alt="Liguster"></a><ul>{parts.menu(72)}</ul></header>', "/img/kopf2.jpg", files={"/img/kopf2.jpg": photo(3, (320, 96))}),
        website("Arrows that fold, called links to the top", "www.robinie-tax.example", "Robinie Tax", f'<div class="t0"><img src="/i/rt.png" width="240" height="60" alt="Robinie Tax"></div>{up}<p>Steuern</p>{up}<p>Recht</p>{up}', "/i/rt.png", files={"/i/rt.png": logo("robinie", RED, (240, 60)), "/img/auf.png": icon(44, GREY)}),
        website("Head after a long form, named as the title is", "www.weissdorn-audit.example", "", f'<form><select>{long}{long}{long}</select></form><table><tr><td><img src="/pics/head.jpg" width="900" height="120" alt="Dorn Revision"></td></tr></table>', "/pics/head.jpg", title="Willkommen bei Dorn Revision", files={"/pics/head.jpg": logo("dorn", BLUE, (900, 120), "JPEG")}),
        website("Short version for phones first, hidden by a style sheet", "www.schlehe-stb.example", "Schlehe Steuerberater", f'<div class="phone-bar"><a href="/"><img src="/files/schlehe-s.png" alt="Schlehe" width="96" height="96"></a></div><div class="desk-bar"><a href="/"><img src="/files/schlehe-lang.png" alt="Schlehe" width="320" height="80"></a><ul>{parts.menu(73)}</ul></div>', "/files/schlehe-lang.png", head='<link rel="stylesheet" href="/files/s.css">', files={"/files/s.css": ".phone-bar{display:none}@media (max-width:900px){.phone-bar{display:block}.desk-bar{display:none}}", "/files/schlehe-s.png": icon(96, BLUE), "/files/schlehe-lang.png": logo("schlehe", BLUE, (320, 80))}),
        website("White version for phones, hidden by rules that outweigh others", "www.vogelbeere.example", "Vogelbeere Recht", f'<header class="head"><a href="/"><img class="m" src="/files/vb-a.svg" alt="Vogelbeere"></a><a href="/"><img class="d" src="/files/vb-b.svg" alt="Vogelbeere"></a><ul>{parts.menu(74)}</ul></header>', "/files/vb-b.svg", head="<style>.head .m{display:none!important}.head a img.m{display:inline}@media screen and (min-width:75em){.head .d{display:inline}}.head .d{display:inline-block}</style>", files={"/files/vb-a.svg": logo_svg("v", RED), "/files/vb-b.svg": logo_svg("vogelbeere", RED)}),
        website("Logo on the large picture that the page begins with", "www.kornelkirsche.example", "Kornelkirsche Recht", f'<header class="bar"><a href="#start">Kornelkirsche</a><ul>{parts.menu(76)}</ul></header><section class="hero" id="start"><img class="hero__logo" src="/s/kk.svg" alt="Kornelkirsche Recht"><h1>Recht verständlich</h1></section>', "/s/kk.svg", files={"/s/kk.svg": logo_svg("kornelkirsche", RED)}),
        website("Nothing is called anything, no link", "www.mispel-audit.example", "Mispel Audit", f'<div class="sc-a1"><div class="sc-b2"><img class="sc-c3" src="/_a/7f.png"></div><div class="sc-d4">{parts.menu(77)}</div></div>', "/_a/7f.png", files={"/_a/7f.png": logo("mispel", BLUE)}),
        website("A strip with shades in the head, not called a logo", "www.quitte-stb.example", "Quitte Steuerberater", f'<header><a href="/"><img src="/img/oben3.jpg" alt="Quitte Steuerberater" width="420" height="90"></a><ul>{parts.menu(78)}</ul></header>', "/img/oben3.jpg", files={"/img/oben3.jpg": photo(5, (420, 90))}),
        website("A heading whose writing gives way to a picture", "www.sanddorn.example", "Kanzlei Sanddorn", f'<div id="container"><header><h1>Kanzlei Sanddorn</h1></header><nav><ul>{parts.menu(86)}</ul></nav></div>', "/img/kopf2.png", head="<style>header{background:url(/img/streifen.gif) repeat-x}header h1{color:transparent;font:0/0 a;min-height:110px;background-image:url(/img/kopf2.png)}</style>", files={"/img/kopf2.png": logo("sanddorn", RED), "/img/streifen.gif": dot()}),
        website("One of several pictures in a file", "www.felsenbirne.example", "Felsenbirne Recht", f'<div id="kopf"><a class="logo" href="/">Felsenbirne</a><a class="tel" href="/kontakt/"></a><ul>{parts.menu(79)}</ul></div>', "/img/alle.png", head="<style>#kopf .logo{width:220px;height:60px;text-indent:-999em;background:url(/img/alle.png) 0 -120px no-repeat}#kopf .tel{background:url(/img/alle.png) 0 -40px;width:30px}</style>", files={"/img/alle.png": logo("felsenbirne", GREEN, (400, 300))}),
        website("No logo: name in letters, the only picture is another's logo", "www.vogelkirsche.example", "Vogelkirsche Rechtsanwältin", f'<header><a href="/">Vogelkirsche Rechtsanwältin</a><ul>{parts.menu(80)}</ul></header>', rest='<main><p>Willkommen.</p><div class="w"><img src="http://cdn.stimmen.example:%PORT%/a/logo.svg" alt="Stimmenweb" width="150" height="25"><p>40 Stimmen</p></div></main>', others={"cdn.stimmen.example": {"/a/logo.svg": logo_svg("stimmen", RED)}}),
        website("Style sheets that come late", "www.mehlbeere-stb.example", "Mehlbeere Steuern", f'<div class="kopf"><a class="k1" href="/" title="Mehlbeere Steuern"></a><ul>{parts.menu(81)}</ul></div>', "/t/mb.svg", head='<link rel="stylesheet" href="/t/spaet.css" media="print" onload="this.media=&#39;all&#39;"><link rel="stylesheet" href="/t/druck.css" media="print">', files={"/t/spaet.css": ".k1{display:block;width:200px;height:60px;background:url(mb.svg) no-repeat}", "/t/druck.css": ".k1{background:url(druck.svg)}", "/t/mb.svg": logo_svg("mehlbeere", BLUE), "/t/druck.svg": logo_svg("druck", GREY)}),
        website("White lettering beside a coloured sign, all in colour in the foot", "www.elsbeere-law.example", "Elsbeere Law", f'<header><a href="/" class="logo"><img src="/v/e-kopf.svg" alt="Elsbeere Law"></a><ul>{parts.menu(82)}</ul></header>', "/v/e-fuss.svg", footer_logo='<a href="/"><img src="/v/e-fuss.svg" alt="Elsbeere Law" width="200"></a>', files={"/v/e-kopf.svg": logo_svg("elsbeere", WHITE).replace(WHITE.encode(), RED.encode(), 1), "/v/e-fuss.svg": logo_svg("elsbeere", RED)}),
        website("White over a picture, in colour only in the panel for phones", "www.sanddorn-law.example", "Sanddorn Law", f'<header class="site-header"><a href="/" class="custom-logo-link transparent-custom-logo" rel="home"><img src="/u/sd-weiss.png" class="custom-logo" alt="Sanddorn Law"></a><ul>{parts.menu(75)}</ul></header><div id="popup"><a href="/" class="custom-logo-link"><img src="/u/sd-blau.png" alt=""></a></div>', "/u/sd-blau.png", files={"/u/sd-weiss.png": logo("sanddorn", WHITE), "/u/sd-blau.png": logo("sanddorn", BLUE)}),
    ]  # fmt: skip


def known() -> list[Website]:
    return [*wordpress(), *builders(), *modern(), *declared(), *doors(), *handmade(), *traps(), *learned()]
