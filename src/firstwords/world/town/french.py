"""A couple of hundred English words and their French. Nouns carry their article on both sides."""

_NOUNS = """
cat:le chat,dog:le chien,horse:le cheval,cow:la vache,pig:le cochon,sheep:le mouton,
goat:la chèvre,hen:la poule,
duck:le canard,bird:l'oiseau,fish:le poisson,mouse:la souris,rabbit:le lapin,bear:l'ours,wolf:le loup,
fox:le renard,lion:le lion,tiger:le tigre,monkey:le singe,elephant:l'éléphant,frog:la grenouille,
snake:le serpent,bee:l'abeille,butterfly:le papillon,spider:l'araignée,snail:l'escargot,owl:le hibou,
house:la maison,door:la porte,window:la fenêtre,room:la chambre,kitchen:la cuisine,table:la table,
chair:la chaise,bed:le lit,lamp:la lampe,key:la clé,clock:l'horloge,book:le livre,letter:la lettre,
pencil:le crayon,paper:le papier,school:l'école,teacher:le professeur,town:la ville,village:le village,
street:la rue,bridge:le pont,shop:le magasin,market:le marché,garden:le jardin,farm:la ferme,
library:la bibliothèque,
station:la gare,train:le train,bus:le bus,car:la voiture,boat:le bateau,bicycle:le vélo,ball:le ballon,
kite:le cerf-volant,doll:la poupée,game:le jeu,gift:le cadeau,hat:le chapeau,coat:le manteau,
shoe:la chaussure,
sock:la chaussette,shirt:la chemise,dress:la robe,glove:le gant,umbrella:le parapluie,
bread:le pain,butter:le beurre,cheese:le fromage,milk:le lait,water:l'eau,tea:le thé,coffee:le café,
egg:l'oeuf,salt:le sel,sugar:le sucre,honey:le miel,soup:la soupe,cake:le gâteau,chocolate:le chocolat,
apple:la pomme,pear:la poire,cherry:la cerise,strawberry:la fraise,lemon:le citron,orange:l'orange,
banana:la banane,carrot:la carotte,potato:la pomme de terre,tomato:la tomate,onion:l'oignon,
mother:la mère,father:le père,sister:la soeur,brother:le frère,child:l'enfant,girl:la fille,boy:le garçon,
man:l'homme,woman:la femme,friend:l'ami,baby:le bébé,king:le roi,queen:la reine,doctor:le médecin,
baker:le boulanger,head:la tête,hand:la main,foot:le pied,eye:l'oeil,ear:l'oreille,nose:le nez,
mouth:la bouche,tooth:la dent,hair:les cheveux,heart:le coeur,
sun:le soleil,moon:la lune,star:l'étoile,sky:le ciel,cloud:le nuage,rain:la pluie,snow:la neige,wind:le vent,
fire:le feu,sea:la mer,river:la rivière,mountain:la montagne,forest:la forêt,tree:l'arbre,flower:la fleur,
leaf:la feuille,grass:l'herbe,stone:la pierre,beach:la plage,
day:le jour,night:la nuit,morning:le matin,evening:le soir,week:la semaine,month:le mois,year:l'année,
spring:le printemps,summer:l'été,autumn:l'automne,winter:l'hiver,music:la musique,song:la chanson,
word:le mot,name:le nom,question:la question,answer:la réponse,story:l'histoire,dream:le rêve
"""
_WORDS = """
red:rouge,blue:bleu,green:vert,yellow:jaune,pink:rose,brown:brun,black:noir,white:blanc,grey:gris,
one:un,two:deux,three:trois,four:quatre,five:cinq,six:six,seven:sept,eight:huit,nine:neuf,ten:dix,
big:grand,small:petit,good:bon,bad:mauvais,beautiful:beau,happy:heureux,sad:triste,young:jeune,old:vieux,
hot:chaud,cold:froid,new:nouveau,long:long,easy:facile,
Monday:lundi,Tuesday:mardi,Wednesday:mercredi,Thursday:jeudi,Friday:vendredi,Saturday:samedi,Sunday:dimanche,
hello:bonjour,goodbye:au revoir,please:s'il vous plaît,thank you:merci,yes:oui,no:non,today:aujourd'hui,
tomorrow:demain,yesterday:hier,always:toujours,never:jamais,here:ici,and:et,with:avec,
to eat:manger,to drink:boire,to sleep:dormir,to read:lire,to write:écrire,to sing:chanter,to dance:danser,
to run:courir,to swim:nager,to play:jouer,to laugh:rire,to speak:parler,to love:aimer,to give:donner
"""


def _table(text: str) -> dict[str, str]:
    return dict(entry.strip().split(":") for entry in text.replace("\n", "").split(",") if entry.strip())


# English noun without article -> French noun with article ("cat" -> "le chat")
FRENCH_NOUNS = _table(_NOUNS)
# other words
FRENCH_WORDS = _table(_WORDS)
# all of them
FRENCH = {**FRENCH_NOUNS, **FRENCH_WORDS}
# what people ask for first
EVERYDAY = (
    "hello", "goodbye", "thank you", "please", "yes", "no", "cat", "dog", "house", "bread", "water", "milk", "red", "blue",
    "one", "two", "three", "good", "friend", "apple", "sun", "moon", "green", "black",
)  # fmt: skip
